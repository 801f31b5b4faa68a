"""The child that checks signatures: under the limits of the one that takes messages apart, and behind all other work.

Started by `dkimparser.py`; speaks the frames of `parserframe.py` on standard input and output.
"""

import contextlib
import os

from postbuch.archive import dkimcheck
from postbuch.archive.parserchild import PIPE_OCTETS, Operations, limit, serve
from postbuch.archive.parserframe import SIGNATURES, Answer, encode, question

# With what `limit` adds the lowest but one: drains, proxy and pages come first.
NICE = 13


def _signatures(octets: bytes, length: int) -> Answer:
    """The question stands in front of the message, in `length` octets."""
    return Answer(False, encode(dkimcheck.judge(octets[length:], question(octets[:length]))))


OPERATIONS: Operations = {SIGNATURES: _signatures}


if __name__ == "__main__":
    limit()
    with contextlib.suppress(OSError):
        os.nice(NICE)
    with open(0, "rb", PIPE_OCTETS) as source, open(1, "wb", PIPE_OCTETS) as target:
        serve(source, target, OPERATIONS)
