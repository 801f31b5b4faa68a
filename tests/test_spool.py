"""The spool: durable before acknowledged (invariant 2), quick for many, small in memory for one large message."""

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spool_records import everything

from postbuch.archive import record, spool, spoolqueue, spoolsegment
from postbuch.archive.config import Config
from postbuch.archive.errors import SpoolError
from postbuch.archive.health import HealthFile, read_all
from postbuch.archive.sleeper import Sleeper
from provider.ports import wait_until

FACTS = {"source": "fetch", "account": "anna@firma.example", "mailbox": "INBOX"}


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[spool.SpoolWriter]:
    with spool.SpoolWriter(tmp_path / "spool", reserve_octets=0) as made:
        yield made


def put(writer: spool.SpoolWriter, octets: bytes, urgent: bool = True) -> Future[str]:
    message = writer.begin(len(octets))
    for start in range(0, len(octets), 65_536):
        message.write(memoryview(octets)[start : start + 65_536])
    return message.commit(FACTS, urgent=urgent)


@pytest.mark.parametrize("size", [0, 1, spool.SMALL_OCTETS, spool.SMALL_OCTETS + 1, 3_000_000])
def test_message_comes_back_octet_for_octet(writer: spool.SpoolWriter, size: int) -> None:
    """Invariant 1: what is read from the spool is what was written, with its digest and its facts."""
    octets = os.urandom(size)
    digest = put(writer, octets).result(10)
    [item] = everything(writer.folder)
    assert item.load() == octets
    assert digest == hashlib.sha256(octets).hexdigest() == item.facts["sha256"]
    assert item.facts["size_octets"] == size and item.facts["account"] == "anna@firma.example"
    assert item.facts["kind"] == "message" and len(item.capture) == 16
    assert not list((writer.folder / "tmp").iterdir())


@settings(max_examples=30)
@given(octets=st.binary(max_size=2000), cuts=st.lists(st.integers(0, 2000), max_size=5))
def test_any_split_of_the_writes_is_the_same_message(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes, cuts: list[int]
) -> None:
    """However the octets arrive, the record holds all of them in order."""
    with spool.SpoolWriter(tmp_path_factory.mktemp("s"), reserve_octets=0) as writer:
        message = writer.begin()
        places = [0, *sorted(cuts), len(octets)]
        for start, stop in itertools.pairwise(places):
            message.write(octets[start:stop])
        message.commit({}, urgent=True).result(10)
        assert everything(writer.folder)[0].load() == octets


def test_many_at_once_share_a_file_and_a_sync(writer: spool.SpoolWriter) -> None:
    """Group commit: 2,000 messages that arrive together need few files; each is there once."""
    futures = [put(writer, b"message %d" % number) for number in range(2000)]
    digests = {future.result(30) for future in futures}
    assert len(digests) == 2000
    assert {item.facts["sha256"] for item in everything(writer.folder)} == digests
    assert len(spool.waiting(writer.folder)) < 500
    assert spool.waiting_counts(writer.folder) == (2000, 0)
    assert writer.report() == {"writable": True, "waiting_messages": 2000, "captured": 2000}


def test_events_are_kept_in_order_with_the_messages(writer: spool.SpoolWriter) -> None:
    """An outcome never stands in front of its message."""
    message = writer.begin()
    message.write(b"x")
    message.commit(FACTS, urgent=True).result(10)
    writer.event({"event": "outcome", "of": message.capture.hex(), "verdict": "accepted"}).result(10)
    first, second = everything(writer.folder)
    assert first.capture == message.capture
    assert second.facts["of"] == message.capture.hex() and second.facts["kind"] == "event"
    assert second.octets is None and first.capture < second.capture


def test_from_many_threads(writer: spool.SpoolWriter) -> None:
    """The writer is safe for any thread, with large and small ones mixed."""
    results: list[str] = []

    def work(seed: int) -> None:
        for number in range(20):
            octets = bytes([seed]) * (number * 40_000)
            results.append(put(writer, octets + b"%d %d" % (seed, number)).result(30))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for item in everything(writer.folder):
        item.load()
    assert sorted(item.facts["sha256"] for item in everything(writer.folder)) == sorted(results)


def test_abort_leaves_nothing(writer: spool.SpoolWriter) -> None:
    """A message that breaks off half-way, small or large, is not in the spool and not in tmp."""
    for size in (10, 1_000_000):
        message = writer.begin()
        message.write(bytes(size))
        message.abort()
    put(writer, b"after").result(10)
    assert len(everything(writer.folder)) == 1
    assert not list((writer.folder / "tmp").iterdir())


def test_close_writes_what_waits_and_drops_what_was_not_committed(tmp_path: Path) -> None:
    """An orderly stop loses no committed record and leaves no half file."""
    writer = spool.SpoolWriter(tmp_path, reserve_octets=0)
    writer.start()
    waiting = [writer.event({"event": "gap", "number": number}) for number in range(10)]
    half = writer.begin()
    half.write(bytes(1_000_000))
    writer.close()
    assert all(future.done() for future in waiting)
    assert len(everything(tmp_path)) == 10
    assert not list((tmp_path / "tmp").iterdir())
    with pytest.raises(SpoolError):
        half.commit({}, urgent=True).result(1)


def test_no_room_is_refused_at_once(tmp_path: Path) -> None:
    """A disk that is too full for the message and the reserve refuses in begin, before an octet was read."""
    with spool.SpoolWriter(tmp_path, reserve_octets=1 << 60) as writer:
        with pytest.raises(SpoolError, match="full"):
            writer.begin(100)
        assert not writer.report()["writable"]


FULL = """
import resource, signal, sys
from pathlib import Path
from postbuch.archive.errors import SpoolError
from postbuch.archive.spool import SpoolWriter, waiting
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = SpoolWriter(Path(sys.argv[1]), reserve_octets=0)
writer.start()
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
large = writer.begin()
small = [writer.begin() for _ in range(10)]
for _ in range(20):
    large.write(bytes(100_000))
for message in small:
    message.write(bytes(90_000))
futures = [large.commit({}, urgent=True)] + [message.commit({}, urgent=False) for message in small]
for future in futures:
    assert isinstance(future.exception(10), SpoolError), future
assert large.pending_octets == 0
try:
    writer.begin()
    raise AssertionError("accepted")
except SpoolError as error:
    print(error)
assert not list(Path(sys.argv[1], "tmp").iterdir()) and not waiting(Path(sys.argv[1]))
"""


def test_failed_write_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """A write that fails (here by a file size limit) is an error for those that wait, and no half file stays."""
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout


LARGE = """
import resource, sys, time
from pathlib import Path
from postbuch.archive.spool import SpoolWriter
writer = SpoolWriter(Path(sys.argv[1]), reserve_octets=0)
writer.start()
chunk = bytes(65_536)
message = writer.begin()
message.write(chunk * 8)
time.sleep(0.2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(1600):
    message.write(chunk)
    while message.pending_octets > 4 * 1024 * 1024:
        time.sleep(0.001)
message.commit({}, urgent=True).result(60)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_large_message_is_not_held_in_memory(tmp_path: Path) -> None:
    """100 MiB through the spool raise the process by less than 16 MiB."""
    done = subprocess.run([sys.executable, "-c", LARGE, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 16 * 1024
    [item] = everything(tmp_path)
    assert item.octets is None and item.size_octets == 1608 * 65_536
    assert len(item.load()) == item.size_octets


KILLED = """
import sys, time
from pathlib import Path
from postbuch.archive.spool import SpoolWriter
writer = SpoolWriter(Path(sys.argv[1]), reserve_octets=0)
writer.start()
large = writer.begin()
large.write(bytes(600_000))
number = 0
while True:
    message = writer.begin()
    message.write(b"%d" % number)
    print(message.commit({}, urgent=True).result(), flush=True)
    number += 1
"""


def test_killed_writer_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    """Invariant 2: kill -9 at any moment; everything acknowledged is there, and the next start clears tmp."""
    ever: Counter[str] = Counter()
    for start in range(1, 6):
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        acknowledged = [child.stdout.readline().strip() for _ in range(50)]
        child.kill()
        acknowledged += [line.strip() for line in child.stdout.read().splitlines() if len(line.strip()) == 64]
        child.wait()
        child.stdout.close()
        assert list((tmp_path / "tmp").iterdir())
        with spool.SpoolWriter(tmp_path, reserve_octets=0):
            assert not list((tmp_path / "tmp").iterdir())
        ever.update(acknowledged)
        kept = Counter(item.facts["sha256"] for item in everything(tmp_path))
        # Each start writes the same messages anew. One that was durable when the kill came need not be acknowledged.
        assert not ever - kept
        assert max(kept.values()) <= start and sum((kept - ever).values()) <= start


def test_start_spares_the_files_of_living_processes(writer: spool.SpoolWriter) -> None:
    """Several processes share the folder: a second start must not remove the first one's half file."""
    message = writer.begin()
    message.write(bytes(1_000_000))
    put(writer, b"to be sure the block is written").result(10)
    with spool.SpoolWriter(writer.folder, reserve_octets=0):
        assert len(list((writer.folder / "tmp").iterdir())) == 1
    message.commit({}, urgent=True).result(10)
    assert len(everything(writer.folder)) == 2


def in_quick_succession(folder: Path, count: int) -> list[str]:
    """Acknowledged one after the other, so that all but the first ones share a segment; their digests.

    However slow the machine is: what counts as quick is said here.
    """
    with pytest.MonkeyPatch.context() as patch, spool.SpoolWriter(folder, reserve_octets=0) as writer:
        for limit in ("SUCCESSION_S", "PUBLISH_S"):
            patch.setattr(spoolsegment, limit, 60.0)
        digests = [put(writer, b"%d" % number).result(10) for number in range(count)]
        segments = list((folder / "tmp").glob("*.seg"))
        assert len(segments) == 1
        # What a crash would leave: the file as it is, held by nobody.
        shutil.copy(segments[0], folder / "tmp" / "left.seg")
        with spool.SpoolWriter(folder, reserve_octets=0):  # the living one's segment is spared, the copy recovered
            assert list((folder / "tmp").glob("*.seg")) == segments
    return digests


def test_segment_is_recovered_when_its_writer_was_killed(tmp_path: Path) -> None:
    """Invariant 2: records acknowledged in a segment survive it, once each, and a living writer's is left alone."""
    digests = in_quick_succession(tmp_path, 20)
    found = [item.facts["sha256"] for item in everything(tmp_path)]
    assert set(found) == set(digests)
    assert all(found.count(digest) == 2 for digest in digests[2:])  # in the segment and in the copy of it


@pytest.mark.parametrize("torn", [1, 40, 200])
def test_half_record_at_the_end_of_a_segment_is_left_out(tmp_path: Path, torn: int) -> None:
    """A write that a crash cut in two was never acknowledged; those before it come back whole."""
    in_quick_succession(tmp_path / "a", 20)
    whole = max(spool.waiting(tmp_path / "a"), key=lambda path: path.stat().st_size)
    count = sum(spool.counts_in(whole.name))
    octets = whole.read_bytes()
    (tmp_path / "b" / "tmp").mkdir(parents=True)
    (tmp_path / "b" / "tmp" / "left.seg").write_bytes(octets[:-torn] + bytes(5000))
    with spool.SpoolWriter(tmp_path / "b", reserve_octets=0):
        pass
    assert len(everything(tmp_path / "b")) == count - 1


def test_a_start_beside_a_segment_that_is_being_made_takes_none_of_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 2: another process that starts between the making of a segment and its lock takes it for a dead one's.

    What its writer then acknowledged would stand in a file without a name.
    """
    lock = fcntl.flock
    started: list[object] = []

    def flock(handle: int, how: int) -> None:
        if not started:
            started.append(handle)
            with spool.SpoolWriter(tmp_path, reserve_octets=0):
                pass
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(spool, "PAUSE_S", 0.0)
    monkeypatch.setattr(spoolsegment, "SUCCESSION_S", 60.0)
    acknowledged = set()
    with spool.SpoolWriter(tmp_path, reserve_octets=0) as writer:
        for number in range(4):
            with contextlib.suppress(SpoolError):
                acknowledged.add(put(writer, b"%d" % number).result(10))
    assert started
    assert acknowledged <= {item.facts["sha256"] for item in everything(tmp_path)}
    assert len(acknowledged) >= 3


def test_a_start_beside_a_segment_that_is_being_published_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that starts at this moment does not take the segment away from under its writer."""
    publish = spool.SpoolWriter.publish
    started: list[object] = []

    def late(writer: spool.SpoolWriter, temporary: Path, messages: int, events: int, *, synced: bool = False) -> None:
        if synced and not started:
            started.append(temporary)
            with spool.SpoolWriter(tmp_path, reserve_octets=0):
                pass
        publish(writer, temporary, messages, events, synced=synced)

    monkeypatch.setattr(spool.SpoolWriter, "publish", late)
    monkeypatch.setattr(spoolsegment, "SUCCESSION_S", 60.0)
    with spool.SpoolWriter(tmp_path, reserve_octets=0) as writer:
        digests = [put(writer, b"%d" % number).result(10) for number in range(2)]
        wait_until(lambda: bool(started), "the segment is published")
        digests.append(put(writer, bytes(spoolsegment.GROUP_OCTETS)).result(10))
    assert sorted(item.facts["sha256"] for item in everything(tmp_path)) == sorted(digests)


@pytest.mark.parametrize("where", ["octets", "facts"])
def test_damage_within_a_segment_takes_none_of_those_behind_it(tmp_path: Path, where: str) -> None:
    """Invariant 2: what was acknowledged after a record that the disk spoiled is recovered, and the loss is counted."""
    in_quick_succession(tmp_path / "a", 20)
    whole = max(spool.waiting(tmp_path / "a"), key=lambda path: path.stat().st_size)
    records = list(spool.read(whole))
    raw = bytearray(whole.read_bytes())
    spoiled = records[5]
    raw[spoiled.offset + (0 if where == "octets" else spoiled.size_octets + 20)] ^= 1
    (tmp_path / "b" / "tmp").mkdir(parents=True)
    (tmp_path / "b" / "tmp" / "left.seg").write_bytes(raw + bytes(5000))
    with spool.SpoolWriter(tmp_path / "b", reserve_octets=0):
        pass
    [path] = spool.waiting(tmp_path / "b")
    assert spool.counts_in(path.name) == (len(records), 0)
    good = set()
    for item in spool.salvage(path)[0]:
        with contextlib.suppress(record.SpoolDamaged):
            item.load()
            good.add(item.facts["sha256"])
    assert good == {item.facts["sha256"] for item in records} - {spoiled.facts["sha256"]}


def test_segment_that_kept_its_length_is_read(tmp_path: Path) -> None:
    """After a crash a published segment may have its zeros still: they are no damage."""
    in_quick_succession(tmp_path, 20)
    for path in spool.waiting(tmp_path):
        with path.open("ab") as stream:
            stream.write(bytes(70_000))
        assert len(list(spool.read(path))) == sum(spool.counts_in(path.name))
        assert not spool.salvage(path)[1]


@settings(max_examples=60)
@given(data=st.data())
def test_damage_is_found_and_the_rest_is_salvaged(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    """Any flipped octet is noticed; the other records are read all the same, and nothing else is raised."""
    folder = tmp_path_factory.mktemp("s")
    with spool.SpoolWriter(folder, reserve_octets=0) as writer:
        futures = [put(writer, bytes([number]) * 50, urgent=False) for number in range(3)]
        digests = [future.result(10) for future in futures]
    [path] = spool.waiting(folder)
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw), place]))])
    with pytest.raises(record.SpoolDamaged):
        for item in spool.read(path):
            item.load()
    records, problems = spool.salvage(path)
    good = []
    for item in records:
        try:
            item.load()
        except record.SpoolDamaged as damage:
            problems.append(str(damage))
        else:
            good.append(item.facts["sha256"])
    assert problems or len(good) < 3
    assert set(good) <= set(digests)


def test_what_looks_like_a_record_within_a_message_is_none(tmp_path: Path) -> None:
    """A message may hold the octets of a record; damage to its facts does not have them taken for one."""
    facts = record.facts_octets({"kind": "event", "event": "login", "account": "eva@firma.example", "ok": True})
    forged = record.header_octets(record.EVENT, facts, 0) + facts
    with spool.SpoolWriter(tmp_path, reserve_octets=0) as writer:
        for future in [put(writer, octets, urgent=False) for octets in (b"before " + forged, b"behind")]:
            future.result(10)
    [path] = spool.waiting(tmp_path)
    raw = bytearray(path.read_bytes())
    first = next(spool.read(path))
    raw[first.offset + first.size_octets + 20] ^= 1
    path.write_bytes(raw)
    records, problems = spool.salvage(path)
    assert [item.octets for item in records] == [b"behind"] and len(problems) == 1


def test_quarantine_sets_the_file_and_the_reason_aside(writer: spool.SpoolWriter) -> None:
    """A damaged file is out of the way and still there for a person to look at."""
    put(writer, b"x").result(10)
    [path] = spool.waiting(writer.folder)
    target = spool.quarantine(writer.folder, path, "a record is cut off")
    assert not spool.waiting(writer.folder) and target.exists()
    assert "cut off" in (target.parent / (target.name + ".reason")).read_text()


def test_facts_that_are_not_json_are_the_callers_error(writer: spool.SpoolWriter) -> None:
    """A programming error reaches the one who made it; others are written."""
    bad = writer.event({"at": object()})
    good = put(writer, b"x", urgent=False)
    with pytest.raises(TypeError):
        bad.result(10)
    assert good.result(10)


@pytest.mark.parametrize("octets", [b"x", b"x" * 2_000_000])
def test_facts_that_no_reader_takes_are_not_written(writer: spool.SpoolWriter, octets: bytes) -> None:
    """Invariant 2: nothing is acknowledged that cannot be read again, and what stands beside it is."""
    before = put(writer, b"eins", urgent=False)
    message = writer.begin(len(octets))
    message.write(octets)
    bad = message.commit({"flags": ["x" * record.MAX_FACTS_OCTETS]}, urgent=False)
    after = put(writer, b"zwei")
    with pytest.raises(SpoolError, match="16777216 octets"):
        bad.result(10)
    assert before.result(10) and after.result(10)
    assert [each.octets for each in everything(writer.folder)] == [b"eins", b"zwei"]


def test_idle_writer_is_quick(writer: spool.SpoolWriter) -> None:
    """One message on an idle writer is durable at once, not after the linger of the others."""
    put(writer, b"warm").result(10)
    spent = []
    for number in range(20):
        start = time.perf_counter()
        put(writer, b"%d" % number).result(10)
        spent.append(time.perf_counter() - start)
    assert sorted(spent)[10] < 0.04


def test_health_file_is_whole_and_tells_who_lives(tmp_path: Path) -> None:
    """What status reads: the process's words, and whether it still lives."""
    config = Config(data_dir=str(tmp_path))
    file = HealthFile(tmp_path / "run" / "proxy.json")
    file.write({"listeners": [{"name": "imap", "address": "127.0.0.1:993"}]})
    (tmp_path / "run" / "broken.json").write_text("{")
    found = read_all(config)
    assert list(found) == ["proxy"] and found["proxy"]["alive"] and found["proxy"]["pid"] == os.getpid()
    dead = json.loads(file.path.read_text()) | {"pid": 2**22 + 1}
    file.path.write_text(json.dumps(dead))
    assert not read_all(config)["proxy"]["alive"]
    file.remove()
    assert read_all(config) == {}


def test_memory_of_this_process_is_known() -> None:
    """The measure that the memory tests rely on is in KiB on this system."""
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 10_000


def test_thread_is_woken_only_for_what_is_due_before_it_wakes_by_itself() -> None:
    """What may linger wakes nobody who is awake in time; what is due sooner does, and so does the end of the time."""
    lock = threading.Lock()
    sleeper = Sleeper(lock)
    woken: list[float] = []

    def rouse(due: float) -> None:
        with lock:
            before = sleeper.asleep
            sleeper.rouse(due)
            if before and not sleeper.asleep:
                woken.append(due)

    rouse(1.0)  # awake
    for _ in range(3):
        wakes_at = time.monotonic() + 3600
        with lock:
            sleeper.lie_down(wakes_at)
        for due in (wakes_at, wakes_at + 1, 2.0, 1.0):
            rouse(due)
        sleeper.sleep(wakes_at)  # returns
        with lock:
            sleeper.lie_down(0.0)
        sleeper.sleep(0.0)  # the time has come
        rouse(0.0)
    assert woken == [2.0, 2.0, 2.0]


def test_outcome_of_an_urgent_message_wakes_nobody(writer: spool.SpoolWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 2, and what it must not cost: the thread is up in time for an event that follows a message."""
    roused: list[bool] = []
    rouse = Sleeper.rouse

    def counted(sleeper: Sleeper, due: float) -> None:
        before = sleeper.asleep
        rouse(sleeper, due)
        roused.append(before and not sleeper.asleep)

    put(writer, b"one\r\n").result(10)
    monkeypatch.setattr(spoolqueue, "LINGER_S", 600.0)
    put(writer, b"two\r\n").result(10)
    while not writer._queue._sleeper.asleep:
        time.sleep(0.001)
    monkeypatch.setattr(Sleeper, "rouse", counted)
    waiting = writer.event({"event": "outcome"})
    assert roused == [False]
    put(writer, b"three\r\n").result(10)
    assert roused == [False, True]
    waiting.result(10)  # went along
