"""The parser child: it may die, hang or run out of memory; every message gets its summary all the same."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from postbuch.archive import message, parserchild, parserframe
from postbuch.archive.display import Body
from postbuch.archive.errors import NotFound
from postbuch.archive.parser import Parser, Unreadable
from postbuch.archive.parserframe import Answer
from provider.corpus import corpus_files

GOOD = b"From: Anna <anna@firma.example>\r\nSubject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nHallo Bernd\r\n"


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Parser() as made:
        yield made


def test_same_as_without_a_child(parser: Parser) -> None:
    """The child gives what the pure functions give, over all of the corpus, in large batches."""
    items = [path.read_bytes() for path in corpus_files()]
    assert parser.summaries(items) == [message.parse(octets) for octets in items]


def test_bodies_and_leaves(parser: Parser) -> None:
    """What the web page asks for, with the octets of a part."""
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>x\r\n--b\r\n"
        b"Content-Type: image/png; name=a.png\r\nContent-ID: <i@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        b"iVBORw0KGgr/\r\n--b--\r\n"
    )
    found = parser.bodies(octets)
    assert found.shown == (Body(is_html=True, text="<p>x"),) and found.text is None
    assert found.inline == {"cid:i@x": 1, "file:a.png": 1}
    assert [(each.position, each.file_name) for each in found.attachments] == [(1, "a.png")]
    assert parser.leaf(octets, 1).payload == b"\x89PNG\r\n\x1a\n\xff"
    assert parser.leaf(octets, 1).file_name == "a.png"
    for position in (2, -1, 5_000):
        with pytest.raises(NotFound):
            parser.leaf(octets, position)


def test_a_killed_child_is_replaced(parser: Parser) -> None:
    """kill -9 between two messages: the next one is read as if nothing had been."""
    assert parser.summary(GOOD).subject == "Grüße"
    child = parser._child
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert parser.summary(GOOD).parser == "fast"


def test_child_killed_at_work_takes_no_message_along() -> None:
    """kill -9 in the middle of a batch: every message is read, the one at hand by the next child."""
    items = [GOOD + b"word %d " % number * 2000 for number in range(300)]
    with Parser() as parser:
        parser.summary(GOOD)
        child = parser._child
        assert child is not None
        killer = threading.Timer(0.03, child.kill)
        killer.start()
        found = parser.summaries(items)
        killer.join()
    assert len(found) == 300
    assert all(item.subject == "Grüße" for item in found)
    assert all(item.parser == "fast" for item in found)


STRANGE = """
import os, runpy, time
from postbuch.archive import message
read = message.parse
def parse(octets):
    if b"deadly" in octets:
        os._exit(9)
    if b"hanging" in octets:
        time.sleep(60)
    if b"slow" in octets:
        time.sleep(0.7)
    return read(octets)
message.parse = parse
runpy.run_module("postbuch.archive.parserchild", run_name="__main__")
"""


@pytest.fixture
def strange(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that some messages kill, stop or hold up."""
    start = subprocess.Popen

    def popen(_command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        return start([sys.executable, "-I", "-c", STRANGE], **options)

    monkeypatch.setattr("postbuch.archive.parser.subprocess.Popen", popen)


@pytest.mark.usefixtures("strange")
def test_a_message_that_ends_each_child_takes_no_other_along() -> None:
    """It alone is read by its header, wherever it stands: what was answered before it was not sent yet."""
    with Parser() as parser:
        found = parser.summaries([GOOD, GOOD, GOOD + b"deadly", GOOD, GOOD + b"deadly", GOOD])
        assert parser.summary(GOOD).parser == "fast"
    assert [item.parser for item in found] == ["fast", "fast", "none", "fast", "none", "fast"]
    assert found[2].subject == "Grüße" and "ended the parser" in found[2].defect


@pytest.mark.usefixtures("strange")
def test_a_message_that_takes_too_long_takes_no_other_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for one that a child hangs at."""
    monkeypatch.setattr("postbuch.archive.parser.START_S", 5.0)  # so that the test does not take 20 s
    with Parser(time_limit_s=2) as parser:
        found = parser.summaries([GOOD, GOOD + b"hanging", GOOD])
    assert [item.parser for item in found] == ["fast", "none", "fast"]
    assert "longer than 2 s" in found[1].defect


@pytest.mark.usefixtures("strange")
def test_slow_messages_do_not_add_up() -> None:
    """Many that are slow take longer than one may; each is in time."""
    with Parser(time_limit_s=4) as parser:
        parser.summary(GOOD)
        child = parser._child
        found = parser.summaries([GOOD + b"slow"] * 8)
        assert parser._child is child
    assert all(item.parser == "fast" for item in found)


def test_a_hanging_child_is_ended_in_time() -> None:
    """A child that gives no answer in time (here: stopped) is replaced, and the messages are read by the next."""
    with Parser(time_limit_s=1) as parser:
        parser.summary(GOOD)
        child = parser._child
        assert child is not None
        os.kill(child.pid, signal.SIGSTOP)
        start = time.monotonic()
        found = parser.summaries([GOOD, GOOD])
        assert time.monotonic() - start < 5
    assert [item.parser for item in found] == ["fast", "fast"]


def test_leaf_of_a_hanging_child_is_unreadable() -> None:
    """The page gets an error with a sentence, not a hang."""
    with Parser(time_limit_s=0.5) as parser:
        parser.summary(GOOD)
        child = parser._child
        assert child is not None
        os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(Unreadable, match="longer"):
            parser.bodies(GOOD)


HUNGRY = """
import io, sys
from postbuch.archive import message, parserchild, parserframe
parserchild.limit()
message.parse = lambda octets: bytearray(4 << 30)
parserchild._OPERATIONS[parserframe.SUMMARY] = lambda octets, _: message.parse(octets)
print(parserchild.answer(parserframe.SUMMARY, 0, b""))
with open("/dev/null") as one:
    pass
"""


def test_memory_limit_is_an_answer() -> None:
    """A message that needs more memory than allowed is an answer with an error, not the end of the machine."""
    done = subprocess.run([sys.executable, "-c", HUNGRY], capture_output=True, text=True, timeout=60)
    assert "too much memory" in done.stdout, done.stderr


def test_any_exception_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a parser trips over, the child says so and goes on."""

    def trip(octets: bytes) -> message.ParsedMessage:
        raise RuntimeError("x")

    monkeypatch.setattr(message, "parse", trip)
    found = parserchild.answer(parserframe.SUMMARY, 0, b"")
    assert found.failed and "RuntimeError" in parserframe.reason(found.encoded)


def test_a_lying_child_is_not_believed(parser: Parser) -> None:
    """Answers of the wrong shape become an unread message, not an exception."""
    facts = json.loads(parserframe.encode(message.parse(GOOD)))
    assert parser._read(Answer(False, json.dumps(facts).encode()), GOOD).parser == "fast"
    lies: list[Any] = [
        {"subject": 5}, {**facts, "date": "tomorrow"}, {**facts, "addresses": [1]}, {**facts, "text": None}, [], "x",
    ]
    for lie in lies:
        assert parser._read(Answer(False, json.dumps(lie).encode()), GOOD).parser == "none"
    assert parser._read(Answer(False, b"\xff{"), GOOD).parser == "none"
    assert parser._read(Answer(True, b"5"), GOOD).parser == "none"


def test_large_message_fits_the_limits(parser: Parser) -> None:
    """60 MB in one message are taken apart within the limits of time and memory."""
    octets = GOOD + b"0123456789abcdef\r\n" * 3_500_000
    found = parser.summary(octets)
    assert found.parser == "fast" and found.parts[0].size_octets > 60_000_000
