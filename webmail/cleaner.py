"""Runs `sanitize.clean_html` in a child process under limits of time and memory.

Parsing HTML is quadratic for some inputs (400,000 nested <div> keep html5ever busy for minutes), in a thread nothing
could stop it, and a parser's overflowing stack would take the web server along. A child that is too slow or dies
costs one letter its formatting: the page then shows the text. Children stay, so that a letter costs no start.

Wire between the two, both ways: length as four octets big-endian, then that many octets of JSON.
"""

import json
import queue
import resource
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, BinaryIO, Self

from postbuch.webmail.bounds import is_too_deep
from postbuch.webmail.sanitize import CleanBody, clean_html

# A page is to stand within 2 s; 1,325 test mails need 3 ms in the median and 240 ms at most.
TIMEOUT_S = 1.2
# The first answer of a child includes its start, some 200 ms on an idle core and more on a busy one.
START_TIMEOUT_S = 10.0
# 2 Mi characters as a tree of html5ever take some 300 MB at worst.
MEMORY_OCTETS = 1_073_741_824
# Unclosed formatting elements are repeated in every paragraph, so the result may be far larger than what came in.
MAX_RESULT_CHARACTERS = 4 * 1_048_576
CHILDREN = 2

_LENGTH = struct.Struct(">I")


class Unsafe(Exception):
    """The HTML could not be cleaned within the limits."""


class Cleaner:
    """A few children that clean. Thread-safe; a call waits for a free child. `close()` ends them."""

    def __init__(self, children: int = CHILDREN) -> None:
        self._free: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(children):
            self._free.put(None)
        self._count = children

    def clean(self, html: str, inline: Mapping[str, str], base: str = "") -> CleanBody:
        """As `clean_html`. Blocks for at most a few seconds. Raises Unsafe."""
        child = self._free.get()
        try:
            if child is None:
                child = _Child()
            answer = child.ask({"html": html, "inline": dict(inline), "base": base}, TIMEOUT_S)
            if answer is None:
                child = None
                raise Unsafe("the HTML could not be read within the limits of time and memory")
        finally:
            self._free.put(child)
        if "unsafe" in answer:
            raise Unsafe(answer["unsafe"])
        return CleanBody(**answer)

    def warm(self) -> None:
        """Start the children that do not run yet."""
        for child in [self._free.get() for _ in range(self._count)]:
            self._free.put(child or _Child())

    def close(self) -> None:
        """End the children. The cleaner cannot be used afterwards."""
        for _ in range(self._count):
            child = self._free.get()
            if child is not None:
                child.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Child:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "postbuch.webmail.cleaner"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if self.ask({"html": "", "inline": {}, "base": ""}, START_TIMEOUT_S) is None:
            raise Unsafe("the cleaning process does not start")

    def ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any] | None:
        """The child's answer; None when it was too slow or died, and then it is gone."""
        watchdog = threading.Timer(timeout_s, self._process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101 - both are pipes
            _write(self._process.stdin, question)
            answer = _read(self._process.stdout)
        except OSError:
            answer = None
        finally:
            watchdog.cancel()
            watchdog.join()
        if answer is None or self._process.poll() is not None:
            self.end()
            return None
        return answer

    def end(self) -> None:
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # what was still unwritten has no reader any more
                    continue
        self._process.wait()


def _write(stream: BinaryIO | Any, value: Mapping[str, Any]) -> None:
    octets = json.dumps(value).encode("utf-8")
    stream.write(_LENGTH.pack(len(octets)) + octets)
    stream.flush()


def _read(stream: BinaryIO | Any) -> dict[str, Any] | None:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    octets = stream.read(length)
    if len(octets) < length:
        return None
    value: dict[str, Any] = json.loads(octets)
    return value


def _answer(question: Mapping[str, Any]) -> dict[str, Any]:
    # A surrogate that a broken charset left behind cannot be handed to Rust.
    html = question["html"].encode("utf-8", "replace").decode("utf-8")
    if is_too_deep(html):  # the parser would only be ended by the clock
        return {"unsafe": "the HTML is nested too deeply"}
    clean = clean_html(html, question["inline"], question["base"])
    if len(clean.html) > MAX_RESULT_CHARACTERS:
        return {"unsafe": "the HTML grows beyond all bounds when it is read"}
    return asdict(clean)


def main() -> None:
    """The child: answers until its parent closes the pipe."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_OCTETS, MEMORY_OCTETS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (question := _read(sys.stdin.buffer)) is not None:
        try:
            answer = _answer(question)
        except (MemoryError, RecursionError, ValueError) as error:
            answer = {"unsafe": f"the HTML cannot be read: {type(error).__name__}"}
        _write(sys.stdout.buffer, answer)


if __name__ == "__main__":
    main()
