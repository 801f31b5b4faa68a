"""The leaf parts of a message, by fast-mail-parser or by the standard library's compat32.

A leaf is a part that people see as one thing: a text, a file, an embedded message as a whole. Their order in the octets
is their position, by which the archive and the web page name them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from postbuch.archive import containers, headers, mimecompat, mimefast, mimepart, mimewalk
from postbuch.archive.containers import Budget
from postbuch.archive.mimepart import Part
from postbuch.archive.mimewalk import MAX_DEPTH, MAX_LEAVES, TooDeep, Walk

# A line that is no field behind those of a part: its text, without the empty line. Most empty parts are just that. No
# field begins like a boundary: a line that could be both would be looked at again for each boundary before it.
_WITHOUT_EMPTY_LINE = re.compile(
    rb"\n--[^\r\n]+\r?\n(?>(?:(?!--)(?:[ \t]|%b)[^\n]*\n)*)(?!--|\r?\n|[ \t]|%b)[^\n]"
    % (headers.FIELD_NAME, headers.FIELD_NAME)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """All leaves, which parser found them, and what kept it from finding all.

    Behind the message's own leaves stand those that are in containers among them.
    """

    parser: str
    parts: list[Part]
    defect: str = ""

    @property
    def own(self) -> list[Part]:
        """Those that the message has itself."""
        return [part for part in self.parts if part.within < 0]


def take_apart(octets: bytes) -> Structure:
    """The leaves, and those in containers. Never raises on content.

    May need time and memory in proportion to hostile input: run it in a child under limits (`parser.py`).
    """
    found = _own(octets, None)
    parts = _unfolded(found.parts, Budget())
    return found if parts is found.parts else replace(found, parts=parts)


def own(octets: bytes) -> list[Part]:
    """The leaves alone."""
    return _own(octets, None).parts


def in_order(parts: list[Part]) -> list[Part]:
    """As people read them: what was in a container stands in its place."""
    inside: dict[int, list[int]] = {}
    for position, part in enumerate(parts):
        inside.setdefault(part.within, []).append(position)
    if len(inside) < 2:
        return parts
    waiting, found = inside[-1][::-1], []
    while waiting:
        found.append(parts[position := waiting.pop()])
        waiting += inside.get(position, [])[::-1]
    return found


def _unfolded(parts: list[Part], budget: Budget) -> list[Part]:
    if not any(map(containers.is_one, parts)):
        return parts
    mimepart.settle(parts)
    found = containers.unfold(parts, lambda octets, left: _own(octets, left).parts, budget)
    mimepart.settle(in_order(found))
    return found


def _own(octets: bytes, budget: Budget | None) -> Structure:
    """The leaves: quickly where that works, else by compat32, else the whole body as one text. Never raises on content.

    `budget` is that of the message around it. One of its own is had by each of the two readings: the second is not to
    find it spent.
    """
    fast: Structure | None = None
    walk = _walk(budget)
    try:
        fast = _limited("fast", mimefast.leaves(octets, walk), walk)
        walk.is_empty = walk.is_empty and _WITHOUT_EMPTY_LINE.search(octets) is not None
        if not walk.is_hollow and not walk.is_empty and (not walk.is_quoted or octets.isascii()):
            return fast
        reason: Exception = ValueError("read twice")
    except (TooDeep, ValueError, RecursionError, OverflowError) as error:
        reason = error
    try:
        again = _walk(budget)
        compat = _limited("compat", mimecompat.leaves(octets, again), again)
        # Where octets beyond ASCII stand in other parts than quoted ones, the quick reading is right.
        if fast is None or again.is_quoted_wrongly or (walk.is_hollow and _octet_count(compat) > _octet_count(fast)):
            return compat
        if walk.is_hollow:
            _regroup(fast, compat)
        return _filled(fast, compat) if walk.is_empty else fast
    except TooDeep:
        defect = f"parts are nested deeper than {MAX_DEPTH} levels"
    except RecursionError:
        defect = "parts are nested too deep"
    except Exception as error:
        defect = f"cannot be taken apart: {type(error).__name__} after {type(reason).__name__}"
    if fast is not None and fast.parts:
        return fast
    parts = [mimewalk.part("text/plain", None, "", "", "", raw_body(octets))]
    return Structure(parser="none", parts=parts, defect=defect)


def _filled(fast: Structure, compat: Structure) -> Structure:
    """With the texts that no empty line parts from the fields of their parts, of which the quick reading sees none."""
    kinds = [[part.content_type for part in each.parts if not part.is_within_text] for each in (fast, compat)]
    if kinds[0] == kinds[1]:
        leaves = fast.parts[: len(kinds[0])]
        for part, other in zip(leaves, compat.parts, strict=False):
            if not part.payload and part.content_type in mimepart.TEXTS and other.payload.strip():
                part.first_read, part.payload = part.payload, other.payload
        mimepart.settle(leaves)
    return fast


def _regroup(fast: Structure, compat: Structure) -> None:
    """Have the alternatives as compat32 has them, where a boundary begins with that of the multipart around it.

    The quick reading takes each line of the longer one for one of the shorter: the inner multipart has no parts for it,
    those stand beside each other, and where its end is there is an empty text. It stays: each leaf has a position.
    """
    leaves = [part for part in fast.parts if not part.is_within_text]
    others = [part for part in compat.parts if not part.is_within_text]
    said = [part for part in leaves if part.payload or part.content_type != "text/plain"]
    rest = [part for part in others if part.payload or part.content_type != "text/plain"]
    if [(part.content_type, part.file_name) for part in said] == [(part.content_type, part.file_name) for part in rest]:
        for part, other in zip(said, rest, strict=True):
            part.alternatives = other.alternatives
        mimepart.settle(leaves)


def _walk(budget: Budget | None) -> Walk:
    if budget is None:
        return Walk(unfold=partial(_unfolded, budget=Budget()))
    return Walk(unfold=partial(_unfolded, budget=budget), numbers=budget.numbers)


def _octet_count(structure: Structure) -> int:
    """How much of a message a reading shows."""
    return sum(len(part.payload) for part in structure.parts)


def raw_body(octets: bytes) -> bytes:
    """What stands behind the header, as it stands there."""
    return octets[len(headers.header_block(octets)) :].lstrip(b"\r\n")


def _limited(parser: str, leaves: Iterator[Part], walk: Walk) -> Structure:
    parts: list[Part] = []
    defect = ""
    for leaf in leaves:
        if len(parts) == MAX_LEAVES:
            defect = f"has more than {MAX_LEAVES} parts"
            break
        parts.append(leaf)
    mimepart.settle(parts)
    parts += mimepart.take_out(parts, MAX_LEAVES - len(parts))
    return Structure(parser=parser, parts=parts, defect=defect or walk.defect)
