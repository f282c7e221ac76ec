"""`parex attempts`: what is on record of every run of every task."""

from __future__ import annotations

import json
import time
from argparse import Namespace

from parex_tui.cli import FINE
from parex_tui.report.attempts_json import attempt_whole_json, attempts_json
from parex_tui.report.attempts_text import attempt_text, attempts_text
from parex_tui.run.attempt import Attempt
from parex_tui.run.attempt_facts import detail_of, facts_of
from parex_tui.run.feature_records import FeatureRecord

from .common import find, say
from .reading import tell
from .recorded import Records, attempt_of, wanted


def attempts(options: Namespace) -> int:
    """List them, or show one whole."""
    records = Records(find(options))
    if options.task is None:
        chosen = records.all if options.feature is None else (records.named(options.feature),)
        _list(records, [(one, one.all()) for one in chosen], as_json=options.json)
        return FINE
    record = records.named(options.feature)
    what = wanted(record, options.task, options.attempt)
    if what.number is None:
        _list(records, [(record, record.attempts.get(what.seq, ()))], as_json=options.json)
    else:
        _show(records, record, attempt_of(record, what), as_json=options.json)
    return FINE


def _list(records: Records, chosen: list[tuple[FeatureRecord, tuple[Attempt, ...]]], *, as_json: bool) -> None:
    now = time.time()
    told = [(record, [facts_of(one, now, records.parser_for) for one in found]) for record, found in chosen]
    mask = records.mask(*(one for _, found in chosen for one in found))
    if as_json:
        say(json.dumps(attempts_json(told, records.root, mask), ensure_ascii=False, indent=2))
    else:
        tell(attempts_text(told, now, mask))


def _show(records: Records, record: FeatureRecord, attempt: Attempt, *, as_json: bool) -> None:
    now = time.time()
    facts, detail, mask = facts_of(attempt, now, records.parser_for), detail_of(attempt), records.mask(attempt)
    if as_json:
        whole = attempt_whole_json(record, facts, detail, records.root, mask)
        say(json.dumps(whole, ensure_ascii=False, indent=2))
    else:
        tell(attempt_text(record, facts, detail, now, mask))
