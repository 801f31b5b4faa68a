"""The child that reads files for their words and draws them small: under limits, without secrets, able to die.

Started by `extract_parser.py`; speaks the frames of `parserframe.py` on standard input and output.
"""

import contextlib
import os
import resource
import time

from postbuch.archive import extract_draw, extract_read
from postbuch.archive.extract_bounds import MAX_CPU_S, GivenUp
from postbuch.archive.parserchild import PIPE_OCTETS, Operations, limit, serve
from postbuch.archive.parserframe import DRAWING, EXTRACT, Answer, encode

# 1 GiB of address space: a file of 100 MB lies there twice, and PDFium takes 200 MB for the worst of its own tests.
MEMORY_OCTETS = 1_073_741_824
# With what `limit` adds 9 below the pages, and 19 in the archive process, whose jobs are at 10: behind all other work.
NICE = 4


def _hurry() -> None:
    """Twice the time that a file may have, and the kernel ends this process: libraries in C look at no clock."""
    spent = int(time.process_time())
    soft, hard = spent + 2 * MAX_CPU_S + 1, resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _extract(octets: bytes, _: int) -> Answer:
    _hurry()
    return Answer(False, encode(extract_read.read(octets)))


def _draw(octets: bytes, side: int) -> Answer:
    _hurry()
    try:
        return Answer(False, encode(""), extract_draw.draw(octets, side))
    except GivenUp as given_up:
        return Answer(True, encode(given_up.reason))


OPERATIONS: Operations = {EXTRACT: _extract, DRAWING: _draw}


if __name__ == "__main__":
    limit()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_OCTETS, MEMORY_OCTETS))
    with contextlib.suppress(OSError):
        os.nice(NICE)
    with open(0, "rb", PIPE_OCTETS) as source, open(1, "wb", PIPE_OCTETS) as target:
        serve(source, target, OPERATIONS)
