"""The child that takes messages apart: under limits, without secrets, able to die without taking a message along.

Speaks the frames of `parserframe.py` on standard input and output; ends when its input ends. Started by `parser.py`.
"""

import contextlib
import os
import resource
from collections.abc import Callable
from typing import Any, BinaryIO

from postbuch.archive import message
from postbuch.archive.parserframe import BODIES, HEADER, LEAF, SUMMARY, encode, read_request, write_answer

# 2 GiB of address space: a 100 MiB message by compat32 takes 600 MB, the worst one of the corpus 150 MB.
MEMORY_OCTETS = 2_147_483_648
PIPE_OCTETS = 1_048_576


def limit() -> None:
    """No more memory than that, no file can grow, no core of somebody's mail, nothing opened beyond what is open."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_OCTETS, MEMORY_OCTETS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    with contextlib.suppress(OSError):
        os.nice(5)  # mail programs wait for the proxy, nobody waits for this


def answer(operation: int, argument: int, octets: bytes) -> tuple[dict[str, Any], bytes]:
    """The answer to one item, or what went wrong as `error`; running out of memory or of stack is an answer too."""
    try:
        return _OPERATIONS[operation](octets, argument)
    except IndexError:
        return {"error": "there is no such part"}, b""
    except MemoryError:
        return {"error": "needs too much memory to be taken apart"}, b""
    except Exception as error:
        return {"error": f"cannot be taken apart: {type(error).__name__}"}, b""


def _leaf(octets: bytes, position: int) -> tuple[dict[str, Any], bytes]:
    found = message.leaf(octets, position)
    return encode(found), found.payload


_OPERATIONS: dict[int, Callable[[bytes, int], tuple[dict[str, Any], bytes]]] = {
    SUMMARY: lambda octets, _: (encode(message.parse(octets)), b""),
    HEADER: lambda octets, _: (encode(message.parse_header(octets, "")), b""),
    BODIES: lambda octets, _: (encode(message.bodies(octets)), b""),
    LEAF: _leaf,
}


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answer batches until the input ends. A batch is read whole first, so that no side waits on the other's pipe."""
    while (request := read_request(source)) is not None:
        operation, argument, items = request
        items.reverse()
        while items:
            write_answer(target, *answer(operation, argument, items.pop()))
        target.flush()


if __name__ == "__main__":
    limit()
    with open(0, "rb", PIPE_OCTETS) as source, open(1, "wb", PIPE_OCTETS) as target:
        serve(source, target)
