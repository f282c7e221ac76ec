"""`parex plan`: what would run when, and why. Starts and writes nothing."""

from __future__ import annotations

import json
import time
from argparse import Namespace

from parex_tui.report.as_json import plan_json
from parex_tui.report.plan_text import plan_text
from parex_tui.run.attempts import Journal
from parex_tui.run.limits import limits_of
from parex_tui.run.survey import Surveyor
from parex_tui.tasks.reader import read_project

from .common import find, pick, say, settings_for


def plan(options: Namespace) -> int:
    """Print the plan of one feature."""
    location = find(options)
    limits = limits_of(settings_for(location.root))
    feature = pick(read_project(location), options.feature)
    found = Surveyor(location.root, Journal(location.root), limits, time.time).survey(feature)
    if options.json:
        record = plan_json(found.plan, feature, location.root, expected=found.expected, slots=limits.slots)
        say(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        say(plan_text(found.plan, feature, expected=found.expected, slots=limits.slots).rstrip("\n"))
    return 0
