"""What passes between the archive and its parser child: lengths, octets and JSON, because the child is not trusted.

    request = operation u8 | argument i32 | count u32 | count × length u64 | octets …
    answer  = failed u8 | JSON length u32 | payload length u64 | JSON | payload          (one for each item, in order)

The JSON is that of a value of `message.py` or `display.py`, or the text of what went wrong. The home of msgspec, which
holds what it reads to the types of the value, and takes a tenth of the time of the standard library.
"""

import struct
from typing import IO, BinaryIO, NamedTuple

import msgspec

from postbuch.archive.display import Bodies, Leaf
from postbuch.archive.dkimsignature import Judgement, Question
from postbuch.archive.extract_found import Extract
from postbuch.archive.message import ParsedMessage

SUMMARY, HEADER, BODIES, LEAF, SIGNATURES, EXTRACT, DRAWING = 1, 2, 3, 4, 5, 6, 7
NO_PART = "there is no such part"

_REQUEST = struct.Struct(">BiI")
ANSWER = struct.Struct(">?IQ")
# 64 MiB: the texts of a summary are cut to 64 Ki characters; the HTML of a page is the largest thing in an answer.
MAX_JSON_OCTETS = 67_108_864


class Answer(NamedTuple):
    """The answer to one item. `failed`: it is the text of what went wrong."""

    failed: bool
    encoded: bytes
    payload: bytes = b""


def write_request(target: IO[bytes], operation: int, argument: int, items: list[bytes]) -> None:
    """Raises BrokenPipeError when the child is gone."""
    lengths = struct.pack(f">{len(items)}Q", *map(len, items))
    target.write(_REQUEST.pack(operation, argument, len(items)) + lengths)
    for item in items:
        target.write(item)
    target.flush()


def read_request(source: BinaryIO) -> tuple[int, int, list[bytes]] | None:
    """(operation, argument, items); None when the input has ended."""
    head = source.read(_REQUEST.size)
    if len(head) < _REQUEST.size:
        return None
    operation, argument, count = _REQUEST.unpack(head)
    lengths = struct.unpack(f">{count}Q", source.read(8 * count))
    return operation, argument, [source.read(length) for length in lengths]


def write_answer(target: BinaryIO, answer: Answer) -> None:
    target.write(ANSWER.pack(answer.failed, len(answer.encoded), len(answer.payload)))
    target.write(answer.encoded)
    target.write(answer.payload)


encode = msgspec.json.Encoder().encode
# The other way. Each raises ValueError on anything that the child should not say.
parsed_message = msgspec.json.Decoder(ParsedMessage).decode
bodies = msgspec.json.Decoder(Bodies).decode
leaf = msgspec.json.Decoder(Leaf).decode
judgements = msgspec.json.Decoder(list[Judgement]).decode
extract = msgspec.json.Decoder(Extract).decode
question = msgspec.json.Decoder(Question).decode
reason = msgspec.json.Decoder(str).decode
