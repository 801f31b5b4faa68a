"""The ring writes what is urgent and small (invariant 2): acknowledged is durable, once, whoever wrote it."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from spool_records import everything

from postbuch.archive import spool, spoolqueue, spoolsegment
from postbuch.archive.errors import SpoolError
from postbuch.archive.spoolfile import Group, Queued
from postbuch.archive.spoolring import Ring
from provider.ports import wait_until

THREADS = spoolqueue.Turn.THREADS
FACTS = {"source": "fetch", "account": "anna@firma.example", "mailbox": "INBOX"}


def with_ring(writer: spool.SpoolWriter, work: Callable[[], Awaitable[Any]]) -> int:
    """Do the work on a loop with a ring; how often it was the ring that wrote."""
    written = 0

    async def run() -> None:
        nonlocal written

        def count() -> None:
            nonlocal written
            written += 1

        writer.ring = Ring.opened(count)
        assert writer.ring is not None, "this kernel does not let us"
        await work()

    uvloop.run(run())
    return written


async def urgent(writer: spool.SpoolWriter, octets: bytes, facts: dict[str, Any] | None = None) -> str:
    """Its digest, once it is durable."""
    message = writer.begin(len(octets))
    message.write(octets)
    return await asyncio.wrap_future(message.commit(FACTS if facts is None else facts, urgent=True))


async def quick(writer: spool.SpoolWriter, count: int = 2) -> None:
    """Messages one behind the other: behind the second one a segment is open."""
    for number in range(count):
        await urgent(writer, b"quick %d" % number)
        # it tells before it lies down
        await asyncio.to_thread(wait_until, lambda: writer._queue._turn is not THREADS, "the thread's rest")


def rings() -> list[int]:
    """Descriptors of this process that are rings."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that lists them
            if str(path.readlink()) == "anon_inode:[io_uring]":
                found.append(int(path.name))
    return found


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> spool.SpoolWriter:
    """One for which all succession is quick, and a segment is published when it is full, or at the end."""
    monkeypatch.setattr(spoolsegment, "SUCCESSION_S", 1e9)
    monkeypatch.setattr(spoolsegment, "PUBLISH_S", 1e9)
    return spool.SpoolWriter(tmp_path / "spool", reserve_octets=0)


@pytest.mark.parametrize("seed", range(3))
def test_all_that_is_acknowledged_is_there_once(writer: spool.SpoolWriter, seed: int) -> None:
    """Many clients with messages of all sizes, events, and messages that nobody waits for, among each other."""
    chance = random.Random(seed)
    sent: list[bytes] = []
    lazy = []

    async def client(number: int) -> None:
        for step in range(40):
            octets = b"%d %d " % (number, step) + chance.randbytes(chance.choice([0, 10, 900, 12_000, 70_000, 300_000]))
            sent.append(octets)
            if chance.random() < 0.2:
                message = writer.begin(len(octets))
                message.write(octets)
                lazy.append(message.commit(FACTS, urgent=False))
            else:
                await urgent(writer, octets)
            if chance.random() < 0.3:
                writer.note({"event": "outcome", "of": number})
            await asyncio.sleep(chance.choice([0, 0, 0.001]))

    async def work() -> None:
        await asyncio.gather(*(client(number) for number in range(4)))
        await quick(writer, 5)
        sent.extend(b"quick %d" % number for number in range(5))

    with writer:
        assert with_ring(writer, work) > 2
        for future in lazy:
            future.result(60)
    messages = [item for item in everything(writer.folder) if item.facts["kind"] == "message"]
    assert Counter(item.load() for item in messages) == Counter(sent)
    assert len({item.capture for item in messages}) == len(sent)
    assert not list((writer.folder / "tmp").iterdir())


def test_one_after_another_needs_no_thread(writer: spool.SpoolWriter) -> None:
    """What a client sends in a row is written by the ring, but what opens a segment and what finds it full."""

    async def work() -> None:
        await quick(writer, 100)

    with writer:
        assert with_ring(writer, work) == 99


def test_more_than_the_loop_should_copy_is_the_threads(writer: spool.SpoolWriter) -> None:
    """A message above RING_OCTETS, and facts that are longer than was expected where the segment is nearly full."""
    octets = bytes(spoolqueue.RING_OCTETS)
    facts = {**FACTS, "recipients": ["x" * 60] * 4000}

    async def work() -> None:
        await quick(writer)
        before = len(written)
        await urgent(writer, octets)
        assert len(written) == before
        await urgent(writer, b"long facts", facts)

    written: list[int] = []

    async def run() -> None:
        writer.ring = Ring.opened(lambda: written.append(1))
        await work()

    with writer:
        uvloop.run(run())
    assert [item.size_octets for item in everything(writer.folder)][2:] == [len(octets), len(b"long facts")]


def test_a_kernel_that_does_not_let_us(
    writer: spool.SpoolWriter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The library says so when it is imported: the thread writes, and the log says why."""
    monkeypatch.setitem(sys.modules, "caio.linux_uring", None)
    caplog.set_level("INFO")

    async def work() -> None:
        writer.ring = Ring.opened(lambda: None)
        assert writer.ring is None
        await quick(writer, 5)

    with writer:
        uvloop.run(work())
    assert len(everything(writer.folder)) == 5
    assert "spool-by-thread" in caplog.text


def test_a_disk_that_fails_is_told_and_what_was_before_goes_on(writer: spool.SpoolWriter) -> None:
    """The segment turns into a full disk: who waits is told, and so nothing is acknowledged that is not there."""

    async def work() -> None:
        await quick(writer, 3)
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, writer._segments.place[0])
        os.close(full)
        message = writer.begin()
        message.write(b"lost")
        with pytest.raises(SpoolError, match="cannot be written"):
            await asyncio.wrap_future(message.commit(FACTS, urgent=True))
        with pytest.raises(SpoolError):
            writer.begin()  # for PAUSE_S

    with writer:
        with_ring(writer, work)
    tmp = list((writer.folder / "tmp").iterdir())
    assert len(tmp) == 1  # the descriptor is no file any more, so that it can be cut no shorter: the next start does
    with spool.SpoolWriter(writer.folder, reserve_octets=0):
        pass
    assert sorted(item.load() for item in everything(writer.folder)) == [b"quick 0", b"quick 1", b"quick 2"]


def test_a_ring_that_does_not_take_any_more(writer: spool.SpoolWriter, caplog: pytest.LogCaptureFixture) -> None:
    """The kernel's end of it is gone: the thread writes what it did not take, and from then on everything."""

    async def run() -> None:
        loops = set(rings())  # its own
        writer.ring = Ring.opened(lambda: None)
        await quick(writer, 3)
        [ring] = set(rings()) - loops
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, ring)
        os.close(nothing)
        await quick(writer, 3)
        assert writer.ring is None

    with writer:
        uvloop.run(run())
    assert len(everything(writer.folder)) == 6
    assert "spool-ring-given-up" in caplog.text


def test_a_loop_that_lacks_memory(
    writer: spool.SpoolWriter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it cannot put together the thread writes; the ring's turn ends, and the next one is its own again."""
    take, lacking = Group.take, [True]

    def starved(group: Group, records: list[Queued]) -> None:
        if lacking and threading.current_thread() is threading.main_thread():
            lacking.clear()
            raise MemoryError
        take(group, records)

    async def work() -> None:
        await quick(writer, 3)
        monkeypatch.setattr(Group, "take", starved)
        await quick(writer, 3)

    with writer:
        assert with_ring(writer, work) == 4
    assert len(everything(writer.folder)) == 6
    assert "spool-ring-left-out" in caplog.text


def test_what_is_on_its_way_when_the_loop_ends_is_told(writer: spool.SpoolWriter) -> None:
    """The writer is closed behind the loop, and waits for the disk."""
    left = []

    async def work() -> None:
        await quick(writer, 3)
        message = writer.begin()
        message.write(b"last")
        left.append(message.commit(FACTS, urgent=True))

    with writer:
        with_ring(writer, work)
    assert left[0].result(0)
    assert b"last" in [item.load() for item in everything(writer.folder)]


def test_another_thread_does_not_write_by_the_ring(writer: spool.SpoolWriter) -> None:
    """It belongs to its loop."""

    async def work() -> None:
        await quick(writer)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, lambda: [writer.event({"event": "x"}, urgent=True).result() for _ in "12345"])

    with writer:
        before = with_ring(writer, work)
    assert before <= 1
    assert len(everything(writer.folder)) == 7


KILLED = """
import asyncio, sys
from pathlib import Path
import uvloop
from postbuch.archive.spool import SpoolWriter
from postbuch.archive.spoolring import Ring
writer = SpoolWriter(Path(sys.argv[1]), reserve_octets=0)
writer.start()
async def client(name):
    number = 0
    while True:
        message = writer.begin()
        message.write(b"%d %d " % (name, number) * 200)
        print(await asyncio.wrap_future(message.commit({}, urgent=True)), flush=True)
        number += 1
async def main():
    writer.ring = Ring.opened(lambda: None)
    await asyncio.gather(*(client(name) for name in range(int(sys.argv[2]))))
uvloop.run(main())
"""


@pytest.mark.parametrize("clients", [1, 5])
def test_killed_while_the_ring_writes(tmp_path: Path, clients: int) -> None:
    """kill -9: what was acknowledged is found by the next start, once."""
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), str(clients)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    told = [child.stdout.readline().strip() for _ in range(500)]
    child.send_signal(signal.SIGKILL)
    told += [line.strip() for line in child.stdout if line.endswith("\n")]
    child.stdout.close()
    child.wait()
    with spool.SpoolWriter(tmp_path, reserve_octets=0):
        pass
    found = Counter(item.facts["sha256"] for item in everything(tmp_path))
    assert set(told) <= set(found) and set(found.values()) == {1}
