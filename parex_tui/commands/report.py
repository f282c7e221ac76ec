"""`parex report`: what happened in a run. Reading only."""

from __future__ import annotations

import json
import time
from argparse import Namespace

from parex_tui.cli import FINE
from parex_tui.report.account import account_of
from parex_tui.report.markdown import report_markdown
from parex_tui.report.report_text import report_json, report_text
from parex_tui.run.attempt_facts import facts_of
from parex_tui.run.desk import Desk

from .common import find, say
from .reading import tell
from .recorded import Records


def report(options: Namespace) -> int:
    """Print it."""
    records = Records(find(options))
    record = records.named(options.feature)
    now, feature = time.time(), record.feature
    facts = {
        seq: [facts_of(one, now, records.parser_for) for one in found] for seq, found in sorted(record.attempts.items())
    }
    conflicts = [
        one
        for one in (Desk(records.root, time.time).conflicts() if feature is not None else ())
        if feature is not None and one.path.is_relative_to(feature.path)
    ]
    mask = records.mask(*record.all())
    account = account_of(record, records.view(feature) if feature is not None else None, facts, conflicts, mask)
    if options.json:
        say(json.dumps(report_json(account, records.root, mask), ensure_ascii=False, indent=2))
    elif options.markdown:
        tell(report_markdown(account, mask))
    else:
        tell(report_text(account, now, mask))
    return FINE
