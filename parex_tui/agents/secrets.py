"""Masking of secrets in what is shown, printed or written for others to read.

Masked are the values of environment variables whose names say that they are secret, and what has the shape of a
well-known key. What an agent wrote stays in its own files as it is; those are for their user alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

MASK: Final = "***"

_NAME: Final = re.compile("KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)
_SHORTEST: Final = 4  # characters; KEY=1 hides nothing
_SHAPE: Final = re.compile(
    r"\b(?:sk|pk|rk)[-_][\w-]{8,}|\bgh[pousr]_\w{8,}|\bgithub_pat_\w{8,}|\bglpat-[\w-]{8,}|\bxox[a-z]-[\w-]{8,}"
    r"|\bA(?:KIA|SIA)[A-Z0-9]{12,}|\bAIza[\w-]{20,}|\bhf_\w{8,}|\bnpm_\w{8,}|\beyJ[\w-]{6,}(?:\.[\w-]+){0,2}"
    r"|(?<=://)[^/\s@]+(?=@)|(?<=[Bb]earer )\S+"
)


class Masker:
    """Takes the secrets of some environments out of texts."""

    def __init__(self, *environments: Mapping[str, str]) -> None:
        values = {
            value
            for env in environments
            for name, value in env.items()
            if _NAME.search(name) and len(value) >= _SHORTEST
        }
        longest_first = sorted(values, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """`text` with every secret in it masked."""
        if self._values is not None:
            text = self._values.sub(MASK, text)
        return _SHAPE.sub(MASK, text)

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """`env` with the values of secret variables masked, and every other one as `text` does it."""
        return {name: MASK if _NAME.search(name) else self.text(value) for name, value in env.items()}


def masked(text: str, env: Mapping[str, str]) -> str:
    """`text` without secrets, and without the home folder of `env`."""
    text = Masker(env).text(text)
    home = env.get("HOME", "").rstrip(os.sep)
    return text.replace(home, "~") if home else text
