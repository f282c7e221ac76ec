"""Orders from one parex to another: each is collected once, in order, and an old or damaged one never."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.run.mailbox import STALE, Mailbox, Order
from parex_tui.run.snapshot import Do

from .house import House


def test_what_is_posted_is_collected_once_and_in_order(house: House) -> None:
    box = house.journal.mailbox("feature")
    assert box.collect() == ()
    orders = [Order(Do.RETRY, "02", "again", "parex retry"), Order(Do.STOP_ALL), Order(Do.TAKE, by="a screen")]
    places = [box.post(order) for order in orders]
    assert all(place.exists() for place in places)
    assert box.collect() == tuple(orders)
    assert not any(place.exists() for place in places)
    assert house.journal.mailbox("feature").collect() == ()


def test_an_order_that_nobody_collected_in_time_means_nothing(tmp_path: Path) -> None:
    now = 1_000.0
    Mailbox(tmp_path, lambda: now).post(Order(Do.STOP_ALL))
    assert Mailbox(tmp_path, lambda: now + STALE + 1).collect() == ()
    assert Mailbox(tmp_path, lambda: now).collect() == ()


@given(st.binary(max_size=200))
def test_damaged_orders_are_dropped_and_never_raise(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("box")
    box = Mailbox(folder)
    box.post(Order(Do.PAUSE)).write_bytes(data)
    assert box.collect() == ()


def test_two_processes_never_collect_one_order_twice(house: House) -> None:
    box = house.journal.mailbox("feature")
    for number in range(60):
        box.post(Order(Do.RETRY, f"{number:02d}"))
    code = (
        "import sys; from pathlib import Path; from parex_tui.run.attempts import Journal\n"
        "for order in Journal(Path(sys.argv[1])).mailbox('feature').collect(): print(order.seq)"
    )
    racers = [
        subprocess.Popen([sys.executable, "-c", code, str(house.root)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    seqs = [line for racer in racers for line in racer.communicate()[0].split()]
    assert sorted(seqs) == [f"{number:02d}" for number in range(60)]
