"""A message made ready to be shown: taken apart and cleaned in child processes, and kept for the next few seconds.

The page and its frame ask for the same message one after the other, so what was read is remembered: at most
32 readings, and no large ones.
"""

import math
import queue
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from postbuch.archive import htmltext
from postbuch.archive.display import Bodies, Body, Leaf
from postbuch.archive.invitation import Invitation
from postbuch.archive.message import PartSummary
from postbuch.archive.parser import Parser, Unreadable
from postbuch.archive.remarks import Remark
from postbuch.archive.widths import BODY_CHARACTERS
from postbuch.webmail import bounds, css, plaintext
from postbuch.webmail.bounds import MAX_CHARACTERS
from postbuch.webmail.cleaner import Cleaner, Unsafe
from postbuch.webmail.sanitize import CleanBody

PARSERS = 2
# A page is to stand within 2 s; a message of 100 MiB is the exception that may take longer.
PARSE_LIMIT_S = 8.0
_KEPT = 32
_KEPT_CHARACTERS = 1_048_576
# An address of ours as it stands in an attribute, in a style within one, and in a sheet.
_QUOTED = re.compile(r'(?:"|&quot;)(/[^"&\s]*)')
# Texts in HTML one after the other; each takes a child's time, and mail that people sent has five at most.
_SHOWN = 20
# What could not be made harmless is not tried again for the frame, but again a minute later: the machine was busy.
_TRY_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What there is to show. At most one of `html` and `text` is wanted by the page; both may be None."""

    html: CleanBody | None
    text: str | None
    unsafe: bool = False  # there was HTML, and it could not be made harmless within the limits
    shown: frozenset[int] = frozenset()  # the parts that stand as pictures in the HTML or its sheet
    hidden: frozenset[int] = frozenset()  # those that could, and do not
    attachments: tuple[PartSummary, ...] = ()
    containers: Mapping[int, int] = field(default_factory=dict)  # as in `Bodies`
    remarks: tuple[Remark, ...] = ()
    invitation: Invitation | None = None
    unreadable: bool = False  # the message could not be taken apart: its source is all there is
    is_first_part: bool = False  # the text is that of the search, and there is more of it

    @property
    def truncated(self) -> bool:
        """Whether the page shows the first part alone."""
        return self.html.truncated if self.html else self.is_first_part or len(self.text or "") > MAX_CHARACTERS

    @property
    def characters(self) -> int:
        return len(self.text or "") + (len(self.html.html) + len(self.html.sheet) if self.html else 0)


class Reader:
    """Thread-safe. `close()` ends the children."""

    def __init__(self) -> None:
        self._parsers: queue.LifoQueue[Parser] = queue.LifoQueue()
        for _ in range(PARSERS):
            self._parsers.put(Parser(time_limit_s=PARSE_LIMIT_S))
        self._cleaner = Cleaner()
        self._kept: OrderedDict[tuple[int, int], tuple[Reading, float]] = OrderedDict()
        self._lock = threading.Lock()

    def read(
        self, letter_id: int, image_id: int, octets: Callable[[], bytes], inline: Callable[[int], str]
    ) -> Reading:
        """The message ready to be shown. `inline` gives the address of ours for a part by its position."""
        key = (letter_id, image_id)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and time.monotonic() < kept[1]:
                self._kept.move_to_end(key)
                return kept[0]
        made = self._read(octets(), inline)
        if made.characters <= _KEPT_CHARACTERS:
            until = time.monotonic() + _TRY_AGAIN_S if made.unsafe or made.unreadable else math.inf
            with self._lock:
                self._kept[key] = made, until
                self._kept.move_to_end(key)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return made

    def bodies(self, octets: bytes) -> Bodies | None:
        """What there is in the message, nothing of it made ready to be shown; None when it cannot be taken apart."""
        try:
            with self._parser() as parser:
                found = parser.bodies(octets)
        except Unreadable:
            return None
        return None if found.parser == "none" else found

    def leaf(self, octets: bytes, position: int) -> Leaf:
        """One part of the message, decoded. Raises NotFound, Unreadable."""
        with self._parser() as parser:
            return parser.leaf(octets, position)

    def warm(self) -> None:
        """Start the children before somebody waits for them: half a second that the first letter would take longer."""
        waiting = [self._parsers.get() for _ in range(PARSERS)]
        for parser in waiting:
            parser.summary(b"\r\n")
            self._parsers.put(parser)
        self._cleaner.warm()

    def close(self) -> None:
        for _ in range(PARSERS):
            self._parsers.get().close()
        self._cleaner.close()

    @contextmanager
    def _parser(self) -> Iterator[Parser]:
        parser = self._parsers.get()
        try:
            yield parser
        finally:
            self._parsers.put(parser)

    def _read(self, octets: bytes, inline: Callable[[int], str]) -> Reading:
        try:
            with self._parser() as parser:
                bodies = parser.bodies(octets)
        except Unreadable:
            return Reading(html=None, text=None, unreadable=True)
        if bodies.parser == "none":
            return Reading(html=None, text=bodies.text, unreadable=True)
        return replace(
            self._shown(octets, bodies, inline),
            attachments=bodies.attachments,
            containers=bodies.containers,
            remarks=bodies.remarks,
            invitation=bodies.invitation,
        )

    def _shown(self, octets: bytes, bodies: Bodies, inline: Callable[[int], str]) -> Reading:
        if not any(body.is_html for body in bodies.shown):
            return Reading(html=None, text=bodies.text)
        positions = frozenset(bodies.inline.values())
        pictures = {name: inline(position) for name, position in bodies.inline.items()}
        try:
            html = _joined(self._clean(bodies.shown, pictures))
            stand = set(_QUOTED.findall(html.html)) | set(_QUOTED.findall(html.sheet))
            shown = frozenset(position for position in positions if inline(position) in stand)
            return Reading(html=html, text=bodies.text, shown=shown, hidden=positions - shown)
        except Unsafe:
            if bodies.text:
                return Reading(html=None, text=bodies.text, unsafe=True, hidden=positions)
            with self._parser() as parser:  # without a plain alternative the words of the HTML, as the search has them
                text = parser.summary(octets).text
            is_long = any(len(body.text) > htmltext.MAX_CHARACTERS for body in bodies.shown)
            return Reading(
                html=None, text=text, unsafe=True, hidden=positions,
                is_first_part=is_long or len(text) >= BODY_CHARACTERS,
            )

    def _clean(self, shown: Sequence[Body], pictures: Mapping[str, str]) -> Iterator[CleanBody]:
        """Each of the texts as HTML that is whole in itself, so that none can swallow the next."""
        left = _SHOWN
        for body in shown:
            if not body.is_html:
                text = Markup("<div data-plain>{}</div>").format(plaintext.to_html(body.text))
                yield CleanBody(html=text, sheet="", remote_images=0, truncated=len(body.text) > MAX_CHARACTERS)
            elif left:
                left -= 1
                yield self._cleaner.clean(body.text, pictures, body.base)
            else:
                yield CleanBody(html="", sheet="", remote_images=0, truncated=True)


def _joined(pieces: Iterable[CleanBody]) -> CleanBody:
    """The texts one after the other, as far as a browser shows them in time."""
    found: list[CleanBody] = []
    for piece in pieces:
        found.append(piece)
        if piece.truncated:  # it may end within an element
            break
    if len(found) == 1:
        return found[0]
    sheet = ""
    for piece in found:
        if len(sheet) + len(piece.sheet) <= css.MAX_SHEET_CHARACTERS:
            sheet += f"{piece.sheet}\n"
    html, cut = bounds.cut("".join(f"<div data-part>{piece.html}</div>" for piece in found))
    return CleanBody(
        html=html,
        sheet=sheet,
        remote_images=sum(piece.remote_images for piece in found),
        truncated=cut or found[-1].truncated,
    )
