"""Taking messages apart in a child process under limits of time and memory; the child may die, the caller never does.

One `Parser` holds one child and answers one caller at a time (others wait); the drain and the web page each have their
own. A child that dies or hangs is replaced, and what it was to read is asked for singly: a message that ends the next
child too, or is not read in time, is read by its header alone.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Self, TypeVar

from postbuch.archive import headers, message, parserframe
from postbuch.archive.containers import MAX_INFLATED_OCTETS
from postbuch.archive.display import Bodies, Leaf
from postbuch.archive.errors import NotFound, PostbuchError
from postbuch.archive.message import ParsedMessage
from postbuch.archive.parserframe import Answer

Found = TypeVar("Found")

# 20 s for one message: the worst of the corpus takes 0.1 s; a 100 MiB one by compat32 8 s.
TIME_LIMIT_S = 20.0
# A child starts in 0.2 s; on a machine that is busy with a hundred others it may take this long.
START_S = 20.0
# 16 MiB of messages go to the child in one request: it holds them all.
BATCH_OCTETS = 16_777_216
# 1 MiB, the most that Linux gives everybody: a batch passes in few turns of both processes.
PIPE_OCTETS = 1_048_576
NO_SENSE = "the parser gave no sense"
ENDED = "ended the parser"
OVERTIME = "takes more processor time than it may"


class Unreadable(PostbuchError):
    """The message cannot be taken apart within the limits; it can still be shown by its source."""


class Parser:
    """Owns one child, started when it is first needed, or by `begin`. Thread-safe. `close` at the end."""

    MODULE = "postbuch.archive.parserchild"
    # What an answer may have beside four times the octets of its question: a file that was compressed, as a whole.
    ROOM_OCTETS = MAX_INFLATED_OCTETS

    def __init__(self, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._time_limit_s = time_limit_s
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._buffer = bytearray()
        self._starting = False  # the child has not answered yet: it may still be importing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def begin(self) -> None:
        """Start the child now, so that the first message does not wait for it."""
        with self._lock:
            self._start()

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._discard()

    def summary(self, octets: bytes) -> ParsedMessage:
        """The summary of one message; what cannot be read is told by its `parser` and `defect`."""
        return self.summaries([octets])[0]

    def summaries(self, items: list[bytes]) -> list[ParsedMessage]:
        """The summaries of many, in order. Never raises on content."""
        found: list[ParsedMessage] = []
        batch: list[bytes] = []
        size = 0
        with self._lock:
            for octets in items:
                if batch and size + len(octets) > BATCH_OCTETS:
                    found += self._summarise(batch)
                    batch, size = [], 0
                batch.append(octets)
                size += len(octets)
            return found + self._summarise(batch)

    def bodies(self, octets: bytes) -> Bodies:
        """What a page shows. Raises Unreadable."""
        return self._one(parserframe.BODIES, 0, octets, lambda found: parserframe.bodies(found.encoded))

    def leaf(self, octets: bytes, position: int) -> Leaf:
        """One part by its position. Raises NotFound when there is none, Unreadable."""
        return self._one(
            parserframe.LEAF, position, octets,
            lambda found: replace(parserframe.leaf(found.encoded), payload=found.payload),
        )

    # --- one batch -----------------------------------------------------------------------------------------------

    def _one(self, operation: int, argument: int, octets: bytes, read: Callable[[Answer], Found]) -> Found:
        with self._lock:
            answers, problem = self._ask_again(operation, argument, [octets])
        if not answers:
            raise Unreadable(f"the message {problem}")
        try:
            if not answers[0].failed:
                return read(answers[0])
            reason = parserframe.reason(answers[0].encoded)
        except ValueError:
            reason = NO_SENSE
        raise (NotFound if reason == parserframe.NO_PART else Unreadable)(f"the message: {reason}")

    def _summarise(self, items: list[bytes]) -> list[ParsedMessage]:
        found: list[ParsedMessage] = []
        # The answers that a dead child had not sent yet are gone with it, so nobody knows which message it was at.
        singly = len(items) == 1
        while len(found) < len(items):
            asked = items[len(found) :]
            if singly:
                answers, problem = self._ask_again(parserframe.SUMMARY, 0, asked[:1])
            else:
                answers, problem = self._ask(parserframe.SUMMARY, 0, asked)
            found += [self._read(answer, octets) for answer, octets in zip(answers, asked, strict=False)]
            if problem and singly:
                found.append(self._header_only(asked[0], problem))
            singly = singly or bool(problem)
        return found

    def _read(self, answer: Answer, octets: bytes) -> ParsedMessage:
        try:
            if not answer.failed:
                return parserframe.parsed_message(answer.encoded)
            return self._header_only(octets, parserframe.reason(answer.encoded))
        except ValueError:
            return message.unread(octets, NO_SENSE)

    def _header_only(self, octets: bytes, defect: str) -> ParsedMessage:
        head = octets[: headers.MAX_HEADER_OCTETS]
        answers, _ = self._ask(parserframe.HEADER, 0, [head])
        if answers and not answers[0].failed:
            with contextlib.suppress(ValueError):
                found = parserframe.parsed_message(answers[0].encoded)
                return replace(found, defect=defect, body_sha256=message.raw_digest(octets))
        return message.unread(octets, defect)

    def _ask_again(self, operation: int, argument: int, items: list[bytes]) -> tuple[list[Answer], str]:
        """`_ask`, and once more when a child died of it: mostly it is the machine that lacks memory."""
        answers, problem = self._ask(operation, argument, items)
        return self._ask(operation, argument, items) if problem == ENDED else (answers, problem)

    def _ask(self, operation: int, argument: int, items: list[bytes]) -> tuple[list[Answer], str]:
        """(answers in order, why there are not more of them). After a problem the child is gone."""
        answers: list[Answer] = []
        child = self._start()
        if child.stdin is None:
            return answers, "found no parser"
        try:
            with self._watched(child, sum(map(len, items))):
                parserframe.write_request(child.stdin, operation, argument, items)
            while len(answers) < len(items):
                head = self._take(child, parserframe.ANSWER.size)
                failed, json_length, payload_length = parserframe.ANSWER.unpack(head)
                room = 4 * len(items[len(answers)]) + self.ROOM_OCTETS
                if json_length > parserframe.MAX_JSON_OCTETS or payload_length > room:
                    raise ValueError("out of bounds")
                encoded = self._take(child, json_length)
                payload = self._take(child, payload_length) if payload_length else b""
                answers.append(Answer(failed, encoded, payload))
        except TimeoutError:
            self._discard()
            return answers, f"takes longer than {self._time_limit_s:.0f} s to be taken apart"
        except (OSError, EOFError, ValueError):
            self._discard()
            return answers, OVERTIME if child.returncode == -signal.SIGXCPU else ENDED
        return answers, ""

    @contextlib.contextmanager
    def _watched(self, child: "subprocess.Popen[bytes]", octets: int) -> Iterator[None]:
        """A child that does not even take its request is killed in time. What the pipe holds needs no watch."""
        if octets < PIPE_OCTETS // 2:
            yield
            return
        watch = threading.Timer(self._time_limit_s + (START_S if self._starting else 0), child.kill)
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _take(self, child: "subprocess.Popen[bytes]", count: int) -> bytes:
        """Exactly that many octets of the answer. Raises TimeoutError, EOFError."""
        if child.stdout is None:
            raise EOFError
        handle = child.stdout.fileno()
        if len(self._buffer) < count:
            end = time.monotonic() + self._time_limit_s + (START_S if self._starting else 0)
            with selectors.DefaultSelector() as selector:
                selector.register(handle, selectors.EVENT_READ)
                while len(self._buffer) < count:
                    if not selector.select(max(end - time.monotonic(), 0)):
                        raise TimeoutError
                    block = os.read(handle, 1_048_576)
                    if not block:
                        raise EOFError
                    self._buffer += block
                    self._starting = False
        with memoryview(self._buffer) as view:
            taken = bytes(view[:count])
        del self._buffer[:count]
        return taken

    # --- the child -----------------------------------------------------------------------------------------------

    def _start(self) -> "subprocess.Popen[bytes]":
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._discard()
        # -I: neither the current folder nor the environment says what is imported; no secrets come along.
        command = [sys.executable, "-I", "-m", self.MODULE]
        self._starting = True
        self._child = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, pipesize=PIPE_OCTETS
        )
        return self._child

    def _discard(self) -> None:
        child, self._child = self._child, None
        self._buffer.clear()
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # the rest of a request that nobody reads any more
                    pipe.close()
