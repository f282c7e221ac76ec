"""A name for each feature of a project that is safe as a file name and outlives archiving."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .layout import USUAL, FeatureFolder

_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", re.ASCII)


def feature_keys(root: Path, folders: Sequence[FeatureFolder]) -> dict[Path, str]:
    """A file name for each feature: its folder's name where that is plain and the place is the usual one.

    The shelf (`active/`, `completed/`) is no part of it, so that a key outlives archiving; where an open and an
    archived feature share a name, the open one has the plain key.
    """
    keys: dict[Path, str] = {}
    taken: set[str] = set()
    for folder in sorted(folders, key=lambda folder: folder.archived):
        key = _key(root, folder)
        number = 1
        while key in taken:
            number += 1
            key = f"{_key(root, folder)}-{number}"
        taken.add(key)
        keys[folder.path] = key
    return keys


def _key(root: Path, folder: FeatureFolder) -> str:
    name = folder.path.name
    usual = folder.shelf == root / USUAL
    if usual and _PLAIN.fullmatch(name):
        return name
    place = os.fsencode(os.path.relpath(folder.shelf, root)) + b"\0" + os.fsencode(name)
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "feature"
    return f"{slug}-{hashlib.sha256(place).hexdigest()[:8]}"
