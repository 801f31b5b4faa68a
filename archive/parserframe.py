"""What passes between the archive and its parser child: lengths, octets and JSON, because the child is not trusted.

    request = operation u8 | argument i32 | count u32 | count × length u64 | octets …
    answer  = JSON length u32 | payload length u64 | JSON | payload          (one for each item, in order)
"""

import dataclasses
import json
import struct
from datetime import datetime
from typing import IO, Any, BinaryIO

from postbuch.archive.message import Addressed, Bodies, Leaf, ParsedMessage, PartSummary

SUMMARY, HEADER, BODIES, LEAF = 1, 2, 3, 4

_REQUEST = struct.Struct(">BiI")
ANSWER = struct.Struct(">IQ")
# 64 MiB: the texts of a summary are cut to 64 Ki characters; the HTML of a page is the largest thing in an answer.
MAX_JSON_OCTETS = 67_108_864


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


def write_answer(target: BinaryIO, facts: dict[str, Any], payload: bytes) -> None:
    encoded = json.dumps(facts, separators=(",", ":")).encode("ascii")
    target.write(ANSWER.pack(len(encoded), len(payload)))
    target.write(encoded)
    target.write(payload)


def encode(found: ParsedMessage | Bodies | Leaf) -> dict[str, Any]:
    """A value as JSON facts; nested values as lists in the order of their fields."""
    facts = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    if isinstance(found, ParsedMessage):
        facts["date"] = None if found.date is None else found.date.isoformat()
        facts["addresses"] = [(item.field, item.display_name, item.address) for item in found.addresses]
        facts["parts"] = [_part_facts(item) for item in found.parts]
    elif isinstance(found, Bodies):
        facts["attachments"] = [_part_facts(item) for item in found.attachments]
    else:
        del facts["payload"]
    return facts


def _part_facts(part: PartSummary) -> tuple[Any, ...]:
    return (
        part.position, part.content_type, part.disposition, part.file_name,
        part.content_id, part.size_octets, part.sha256, part.is_attachment,
    )


def parsed_message(facts: dict[str, Any]) -> ParsedMessage:
    """The other way. Raises TypeError, ValueError or KeyError on anything that the child should not say."""
    return ParsedMessage(**{
        **facts,
        "date": None if facts["date"] is None else datetime.fromisoformat(facts["date"]),
        "addresses": tuple(Addressed(*item) for item in facts["addresses"]),
        "parts": tuple(PartSummary(*item) for item in facts["parts"]),
    })


def bodies(facts: dict[str, Any]) -> Bodies:
    return Bodies(**{**facts, "attachments": tuple(PartSummary(*item) for item in facts["attachments"])})


def leaf(facts: dict[str, Any], payload: bytes) -> Leaf:
    return Leaf(**facts, payload=payload)
