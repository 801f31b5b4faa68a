"""The loop looks for octets instead of sleeping only while that pays, and never for long."""

import asyncio
import os
import selectors
import time
from collections.abc import Callable

import pytest

from postbuch.proxy import busypoll
from postbuch.proxy.busypoll import BusyPoll


class Selector(selectors.DefaultSelector):
    """Notes how long the loop was ready to sleep each time."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.waits.append(timeout)
        return super().select(timeout)


def looked(poll: BusyPoll, work: Callable[[BusyPoll], None], wait_s: float = 0.3) -> int:
    """How many turns of a loop did not wait, from the work on until all is at rest."""
    selector = Selector()
    loop = asyncio.SelectorEventLoop(selector)

    async def run() -> None:
        work(poll)
        await asyncio.sleep(wait_s)

    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
    assert not wait_s or any(wait is None or wait > 0 for wait in selector.waits), "it never slept"
    return sum(wait == 0 for wait in selector.waits)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is."""
    monkeypatch.setattr(busypoll, "QUICK_S", 10.0)
    monkeypatch.setattr(busypoll, "POLL_S", 0.2)


def conversation(poll: BusyPoll) -> None:
    poll.came(40)
    poll.came(40)


def test_it_looks_where_octets_follow_each_other_quickly_and_then_sleeps() -> None:
    before = time.thread_time()
    assert looked(BusyPoll(2), conversation, wait_s=1.0) > 10
    assert time.thread_time() - before < 0.5  # of 1 s


def test_one_processor_is_left_to_the_others() -> None:
    assert looked(BusyPoll(1), conversation) < 10


def test_far_ones_are_slept_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few tries in vain, and at once where most were far."""
    poll = BusyPoll(2)
    for _ in range(busypoll.TRIES):
        looked(poll, conversation)
    monkeypatch.setattr(busypoll, "QUICK_S", 0.0)
    for _ in range(busypoll.TRIES - 1):
        assert looked(poll, lambda poll: poll.came(40)) > 10
    assert looked(poll, lambda poll: poll.came(40)) < 10
    for _ in range(2):
        monkeypatch.setattr(busypoll, "QUICK_S", 0.0)
        assert looked(poll, conversation) < 10
        monkeypatch.setattr(busypoll, "QUICK_S", 10.0)
        assert looked(poll, lambda poll: poll.came(40)) > 10


def test_bulk_is_no_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(busypoll, "BULK_S", 10.0)

    def transfer(poll: BusyPoll) -> None:
        conversation(poll)
        poll.came(busypoll.BULK_OCTETS + 1)
        conversation(poll)

    assert looked(BusyPoll(2), transfer) < 10


def test_threads_with_work_come_first() -> None:
    """Until they have done it: then an answer is expected."""

    def handed_over(poll: BusyPoll) -> None:
        conversation(poll)
        poll.rest()

    poll = BusyPoll(2)
    assert looked(poll, handed_over) < 10
    assert looked(poll, lambda poll: poll.expect()) > 10


def test_a_loop_that_ended_while_it_looked_is_forgotten() -> None:
    """Its call went with it; the next loop has its own."""
    poll = BusyPoll(2)
    assert looked(poll, conversation, wait_s=0.0) >= 0
    assert looked(poll, conversation) > 10


def test_others_have_the_processor_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    yields: list[None] = []
    monkeypatch.setattr(os, "sched_yield", lambda: yields.append(None))
    turns = looked(BusyPoll(2), conversation)
    assert turns - 5 < len(yields) <= turns
