"""A letter as the lines that people see, each with what it stands in. Pure, and linear in what it reads.

Reads what `sanitize.py` and `plaintext.py` wrote: each element ends, or ends with the document. Nothing is looked at
but the order of the lines, the elements around them and the words that mail programs write by themselves
(`quotewords.py`).
"""

import re
from dataclasses import dataclass, field
from html import unescape

from postbuch.webmail import quotewords

# Threads of years have a hundred; each line costs as much as it is deep.
MAX_DEPTH = 250
# 2,000 printed pages. A page shows half a million signs, which may all be line ends, and each line takes 200 octets.
MAX_LINES = 100_000

_PIECE = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z-]+(?:="[^"]*")?)*)>|[^<]+|<')
_VOID = frozenset({"br", "col", "hr", "img", "wbr"})
_CELLS = frozenset({"td", "th"})
# What is within a line.
INLINE = frozenset(
    """
    a abbr acronym b bdi bdo big cite code del dfn em font i img ins kbd mark q s samp small span strike strong sub sup
    time tt u var wbr
    """.split()  # noqa: SIM905 - a list of quoted words would fill a page
)
# What Gmail, Apple Mail and others put around a letter that they answer.
_QUOTE = re.compile(r' class="(?:[^"]*\s)?(?:gmail_quote|yahoo_quoted|protonmail_quote)[\s"]| type="cite"')
# Where Outlook, its web and telephone forms, and Zimbra say that the letter of before begins.
_BEGINS = re.compile(
    r' id="m-(?:appendonsend|divRplyFwdMsg|stopSpelling|mail-editor-reference-message-container|OLK_SRC_BODY_SECTION'
    r'|zwchr)"'
)
_RULE = re.compile(r' style="[^"]*\bborder-top:[^;"]*\bsolid\b')
_SIGNATURE = re.compile(r' (?:class|id)="[^"]*signature', re.IGNORECASE)
# Signs that take no room: what has no others is empty.
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u034f\u200b\u200c\u200d\u2060\ufeff"))
_PLAIN = re.compile(r" data-plain\b")
_PART = re.compile(r" data-part\b")


@dataclass(slots=True)
class Element:
    """One whose start tag is `tag`; its end tag begins at `end`. What it is holds for what is within it as well."""

    name: str
    tag: str
    end: int
    is_plain: bool = False
    is_quote: bool = False
    is_indented: bool = False
    is_signature: bool = False

    @property
    def begins_letter(self) -> bool:
        """Whether the mail program says that the letter of before begins here."""
        return _BEGINS.search(self.tag) is not None

    @property
    def has_rule(self) -> bool:
        """Whether a line is drawn above it."""
        return _RULE.search(self.tag) is not None

    @property
    def is_part(self) -> bool:
        """Whether it holds one of several texts of a message."""
        return _PART.search(self.tag) is not None


@dataclass(slots=True)
class Line:
    """A line as people see it; without text an empty one, or a rule.

    cut: where the document can be parted above it, within the elements `around`. opened: those that begin there.
    """

    cut: int
    around: tuple[Element, ...]
    opened: tuple[Element, ...] = ()
    words: list[str] = field(default_factory=list)
    text: str = ""
    is_rule: bool = False
    is_quote: bool = False
    is_indented: bool = False
    is_signature: bool = False

    @property
    def divides(self) -> bool:
        return self.is_rule or quotewords.is_divider(self.text)

    @property
    def says(self) -> bool:
        """Whether somebody wrote it for this letter."""
        return bool(self.text) and not self.divides and not self.is_signature


class TooMuch(Exception):
    """More lines or elements than are looked at."""


class Reading:
    """The lines of a letter in their order. Raises TooMuch."""

    def __init__(self, html: str, plain: bool) -> None:
        self.lines: list[Line] = []
        self._plain = plain
        self._size = len(html)
        self._stack: list[Element] = []
        self._line: Line | None = None
        self._text = ""  # of the last line that has one
        self._introduces: bool | None = None  # whether that says who wrote what follows, once it was asked
        self._after_mark = False
        self._around: tuple[Element, ...] = ()
        self._cut_at(0)
        for piece in _PIECE.finditer(html):
            if piece[2] is None:
                self._read(piece[0], piece.start())
            else:
                self._tag(piece)
        self._end_line()

    def _cut_at(self, place: int) -> None:
        self._cut = place
        # A new one only where it is another: a text deep within has half a million lines.
        if len(self._around) != len(self._stack) or (self._around and self._around[-1] is not self._stack[-1]):
            self._around = tuple(self._stack)

    def _new_line(self, *more: Element) -> Line:
        if len(self.lines) >= MAX_LINES:
            raise TooMuch
        opened = (*self._stack[len(self._around) :], *more)
        line = Line(cut=self._cut, around=self._around, opened=opened)
        if self._stack:
            inmost = self._stack[-1]
            line.is_quote, line.is_indented = inmost.is_quote, inmost.is_indented
            line.is_signature = inmost.is_signature
        return line

    def _end_line(self, *, is_break: bool = False) -> None:
        line, self._line = self._line, None
        if line is None:
            if is_break:
                self.lines.append(self._new_line())
            return
        line.text = " ".join("".join(line.words).translate(_INVISIBLE).split())
        if line.text:
            self._text, self._introduces = line.text, None
        # What stands below two dashes is the signature (RFC 3676 section 4.3), until a quote begins.
        self._after_mark = (self._after_mark or line.text == "--") and not line.is_quote
        line.is_signature |= self._after_mark
        self.lines.append(line)

    def _read(self, text: str, start: int) -> None:
        has_rows = self._plain or bool(self._stack and self._stack[-1].is_plain)
        for row in text.splitlines(keepends=True) if has_rows else [text]:
            start += len(row)
            if not unescape(row).isspace():
                self._line = self._line or self._new_line()
                self._cut_at(start)
            if self._line is not None:
                self._line.words.append(unescape(row))
            if has_rows and row.endswith("\n"):
                self._end_line(is_break=True)
                self._cut_at(start)

    def _tag(self, piece: re.Match[str]) -> None:
        name = piece[2]
        if name in _CELLS:
            if self._line is not None:
                self._line.words.append(" ")
        elif name not in INLINE:
            self._end_line(is_break=name == "br")
        if piece[1]:
            if self._stack and self._stack[-1].name == name:
                self._stack.pop().end = piece.start()
            if name == "blockquote":
                self._answers()
            self._cut_at(piece.end())
            return
        element = self._element(name, piece[0])
        if name == "hr" or element.begins_letter:
            self._end_line()
            rule = self._new_line(element)
            rule.is_rule = True
            self.lines.append(rule)
        if name not in _VOID:
            if len(self._stack) >= MAX_DEPTH:
                raise TooMuch
            self._stack.append(element)
        elif name != "img":
            self._cut_at(piece.end())

    def _answers(self) -> None:
        """What stands behind a quote, within the same element that a program has put around it, is an answer."""
        for element in self._stack:
            element.is_quote = element.is_quote and element.is_indented

    @property
    def _is_introduced(self) -> bool:
        """Whether the last line says who wrote what follows. It is looked at once, however many quotes begin below."""
        if self._introduces is None:
            self._introduces = quotewords.attribution([self._text]) > 0
        return self._introduces

    def _element(self, name: str, tag: str) -> Element:
        made = Element(name=name, tag=tag, end=self._size)
        above = self._stack[-1] if self._stack else made
        # One without a sign is the end of an answer, or what somebody indents.
        is_quote = name == "blockquote" and (
            self._plain or not self._stack or above.is_plain or self._is_introduced
        )
        made.is_plain = name == "pre" or above.is_plain or _PLAIN.search(tag) is not None
        made.is_quote = is_quote or above.is_quote or _QUOTE.search(tag) is not None
        made.is_indented = above.is_indented or name == "blockquote"
        made.is_signature = above.is_signature or _SIGNATURE.search(tag) is not None
        return made
