"""The child that takes messages apart: under limits, without secrets, able to die without taking a message along.

Speaks the frames of `parserframe.py` on standard input and output; ends when its input ends. Started by `parser.py`.
"""

import contextlib
import gc
import os
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import BinaryIO

from postbuch.archive import display, message
from postbuch.archive.parserframe import (
    BODIES,
    HEADER,
    LEAF,
    NO_PART,
    SUMMARY,
    Answer,
    encode,
    read_request,
    write_answer,
)

# 2 GiB of address space: a 100 MiB message by compat32 takes 600 MB, the worst one of the corpus 150 MB.
MEMORY_OCTETS = 2_147_483_648
PIPE_OCTETS = 1_048_576
# 1 s, a twentieth of what one message may take: answers gather no longer, so that slow ones do not add up to silence.
SILENCE_S = 1.0
# What a message is taken apart into goes by itself; only compat32 leaves circles behind now and then. Looking for
# them after each 700 objects, as Python does unless it is told, costs a tenth of the time.
GARBAGE_OBJECTS = 50_000


def limit() -> None:
    """No more memory than that, no file can grow, no core of somebody's mail, nothing opened beyond what is open."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_OCTETS, MEMORY_OCTETS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    with contextlib.suppress(OSError):
        os.nice(5)  # mail programs wait for the proxy, nobody waits for this


Operations = Mapping[int, Callable[[bytes, int], Answer]]


def answer(operation: int, argument: int, octets: bytes, operations: Operations | None = None) -> Answer:
    """The answer to one item, or what went wrong; running out of memory or of stack is an answer too."""
    try:
        return (operations or _OPERATIONS)[operation](octets, argument)
    except IndexError:
        reason = NO_PART
    except MemoryError:
        reason = "needs too much memory to be taken apart"
    except Exception as error:
        reason = f"cannot be taken apart: {type(error).__name__}"
    return Answer(True, encode(reason))


def _leaf(octets: bytes, position: int) -> Answer:
    found = display.leaf(octets, position)
    return Answer(False, encode(replace(found, payload=b"")), found.payload)


_OPERATIONS: dict[int, Callable[[bytes, int], Answer]] = {
    SUMMARY: lambda octets, _: Answer(False, encode(message.parse(octets))),
    HEADER: lambda octets, _: Answer(False, encode(message.parse_header(octets, ""))),
    BODIES: lambda octets, _: Answer(False, encode(display.bodies(octets))),
    LEAF: _leaf,
}


def serve(source: BinaryIO, target: BinaryIO, operations: Operations | None = None) -> None:
    """Answer batches until the input ends. A batch is read whole first, so that no side waits on the other's pipe."""
    while (request := read_request(source)) is not None:
        operation, argument, items = request
        items.reverse()
        told = time.monotonic()
        while items:
            write_answer(target, answer(operation, argument, items.pop(), operations))
            if items and time.monotonic() > told + SILENCE_S:
                target.flush()
                told = time.monotonic()
        target.flush()


if __name__ == "__main__":
    limit()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)
    with open(0, "rb", PIPE_OCTETS) as source, open(1, "wb", PIPE_OCTETS) as target:
        serve(source, target)
