"""The fields of the forms for a new task and a new feature."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from parex_tui.run.snapshot import FeatureView
from parex_tui.tasks.model import JsonValue

from ..looks import name_of
from .choices import Choice
from .form import FormField, Shape

NAME_LIMIT: Final = 100
OBJECTIVE_LIMIT: Final = 200
_FOLDER: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def task_form(view: FeatureView, agent: str) -> list[FormField]:
    """The fields of a new task in a feature; their names are those of the format."""
    others = [Choice(one.seq, name_of(one)) for one in view.tasks.values()]
    return [
        FormField("title", "Title", required=True, limit=NAME_LIMIT),
        FormField("suggested_agent", "Agent", start=agent, limit=200),
        FormField("depends_on", "Needs", Shape.SEVERAL, start=[], choices=others),
        FormField("parallel", "May run beside others", Shape.FLAG, start=False),
        FormField("deliverables", "Deliverables", Shape.LIST, start=[], hint="one a line"),
        FormField("acceptance_criteria", "Acceptance criteria", Shape.LIST, start=[], hint="one a line"),
    ]


def feature_form(taken: Collection[str]) -> list[FormField]:
    """The folder's name and the fields of task.json of a new feature. `taken`: folder names that are in use."""

    def check(value: JsonValue) -> str:
        if not isinstance(value, str) or not _FOLDER.fullmatch(value):
            return "small letters, digits and single dashes only, as in user-login"
        return "there is a feature of that name" if value in taken else ""

    return [
        FormField("folder", "Folder", required=True, hint="as in user-login", limit=80, check=check),
        FormField("name", "Name", required=True, limit=NAME_LIMIT),
        FormField("objective", "Objective", limit=OBJECTIVE_LIMIT),
        FormField("exit_criteria", "Exit criteria", Shape.LIST, start=[], hint="one a line"),
    ]
