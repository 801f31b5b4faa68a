"""What a letter quotes at its end, folded under a control that opens it again. Pure, and linear in what it reads.

Works on what `sanitize.py` and `plaintext.py` wrote: each element ends, or ends with the document. The letter is read
as the lines that people see, and nothing is looked at but their order, the elements around them and the words that
mail programs write by themselves (`quotewords.py`). Nothing is taken away, and nothing is folded when nothing is said
above: then the quote is the letter. Where it is not sure where a quote begins or ends, the letter stays as it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape, unescape

from postbuch.webmail import quotewords

# Threads of years have a hundred; each line costs as much as it is deep.
MAX_DEPTH = 250
# 2,000 printed pages. A page shows half a million signs, which may all be line ends, and each line takes 200 octets.
MAX_LINES = 100_000
# Lines that are looked at as the first of a header; a letter with more of them is a list.
MAX_FIELDS = 1_000

_PIECE = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z-]+(?:="[^"]*")?)*)>|[^<]+|<')
_VOID = frozenset({"br", "col", "hr", "img", "wbr"})
_CELLS = frozenset({"td", "th"})
# What is within a line.
_INLINE = frozenset(
    """
    a abbr acronym b bdi bdo big cite code del dfn em font i img ins kbd mark q s samp small span strike strong sub sup
    time tt u var wbr
    """.split()  # noqa: SIM905 - a list of quoted words would fill a page
)
# What may hold the control, and what may end above it and go on within.
_HOLDS = frozenset({"div", "section", "article", "main", "center", "td", "th", "blockquote", "li", "dd"})
_GOES_ON = _INLINE | {"div", "section", "article", "main", "center", "p", "pre"}
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
class _Element:
    """One whose start tag is `tag`; its end tag begins at `end`. What it is holds for what is within it as well."""

    name: str
    tag: str
    end: int
    is_plain: bool = False
    is_quote: bool = False
    is_indented: bool = False
    is_signature: bool = False


@dataclass(slots=True)
class _Line:
    """A line as people see it; without text an empty one, or a rule.

    cut: where the document can be parted above it, within the elements `around`. opened: those that begin there.
    """

    cut: int
    around: tuple[_Element, ...]
    opened: tuple[_Element, ...] = ()
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


class _TooMuch(Exception):
    pass


def folded(html: str, control: str, *, plain: bool = False) -> str:
    """The same with what it quotes at its end folded.

    control: what to click on says this. plain: the HTML was made of plain text, so that a line end is one.
    """
    try:
        lines = _Reading(html, plain).lines
    except _TooMuch:
        return html
    begins = [each for each in (_answered(lines), _copied(lines)) if each is not None]
    place = _place(html, lines, min(begins)) if begins else None
    if place is None:
        return html
    cut, parted, end = place
    closing = "".join(f"</{each.name}>" for each in reversed(parted))
    # An element that is there twice is still one place for a link to it.
    opening = "".join(re.sub(r' id="[^"]*"', "", each.tag) for each in parted)
    control = f"<details data-quoted><summary>{escape(control)}</summary>"
    return f"{html[:cut]}{closing}{control}{opening}{html[cut:end]}</details>{html[end:]}"


class _Reading:
    """The lines of a letter in their order. Raises _TooMuch."""

    def __init__(self, html: str, plain: bool) -> None:
        self.lines: list[_Line] = []
        self._plain = plain
        self._size = len(html)
        self._stack: list[_Element] = []
        self._line: _Line | None = None
        self._text = ""  # of the last line that has one
        self._introduces: bool | None = None  # whether that says who wrote what follows, once it was asked
        self._after_mark = False
        self._around: tuple[_Element, ...] = ()
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

    def _new_line(self, *more: _Element) -> _Line:
        if len(self.lines) >= MAX_LINES:
            raise _TooMuch
        opened = (*self._stack[len(self._around) :], *more)
        line = _Line(cut=self._cut, around=self._around, opened=opened)
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
        elif name not in _INLINE:
            self._end_line(is_break=name == "br")
        if piece[1]:
            if self._stack and self._stack[-1].name == name:
                self._stack.pop().end = piece.start()
            if name == "blockquote":
                self._answers()
            self._cut_at(piece.end())
            return
        element = self._element(name, piece[0])
        if name == "hr" or _BEGINS.search(piece[0]):
            self._end_line()
            rule = self._new_line(element)
            rule.is_rule = True
            self.lines.append(rule)
        if name not in _VOID:
            if len(self._stack) >= MAX_DEPTH:
                raise _TooMuch
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

    def _element(self, name: str, tag: str) -> _Element:
        made = _Element(name=name, tag=tag, end=self._size)
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


def _answered(lines: Sequence[_Line]) -> int | None:
    """A quote at the end that stands in elements of its own: where it begins."""
    first = len(lines)
    while first and (lines[first - 1].is_quote or not lines[first - 1].says):
        first -= 1
    quoted = (place for place in range(first, len(lines)) if lines[place].is_quote and lines[place].text)
    return _begun(lines, next(quoted, None))


def _copied(lines: Sequence[_Line]) -> int | None:
    """A letter below a copy of its header, as Outlook quotes: where it begins."""
    divided = False
    fields = 0
    for place, line in enumerate(lines):
        if line.is_quote or line.is_indented:
            continue  # what is quoted there has an end of its own
        if any(_BEGINS.search(each.tag) for each in line.opened):
            return _begun(lines, place)
        divided = divided or any(_RULE.search(each.tag) for each in line.opened)
        if fields < MAX_FIELDS and line.text and quotewords.kind(line.text):
            fields += 1
            texts = (each.text for each in lines[place : place + quotewords.MAX_LINES])
            if quotewords.is_header(texts, divided):
                return None if _is_answered_within(lines, place) else _begun(lines, place)
        if line.text or line.is_rule:
            divided = line.divides
    return None


def _is_answered_within(lines: Sequence[_Line], header: int) -> bool:
    """Whether the letter below a header has marks that others wrote between: what has none is the answer."""
    below = header
    while below < len(lines) and (not lines[below].text or quotewords.kind(lines[below].text)):
        below += 1
    rest = lines[below:]
    return bool(rest) and rest[0].is_indented and any(line.says and not line.is_indented for line in rest)


def _begun(lines: Sequence[_Line], first: int | None) -> int | None:
    """Where a quote begins with what mail programs write above it; None when it is not to be folded."""
    if first is None:
        return None
    place = _skipped(lines, first)
    above: list[str] = []
    while place > len(above) and len(above) < 3 and lines[place - len(above) - 1].says:
        above.insert(0, lines[place - len(above) - 1].text)
    begins = first
    if count := quotewords.attribution(above):
        begins = place = place - count
        place = _skipped(lines, place)
    while place and lines[place - 1].divides:
        begins = place - 1
        place = _skipped(lines, begins)
    # What is passed on is what the letter is about.
    near = [*above[-1:], *(each.text for each in lines[begins : first + 4])]
    if any(quotewords.is_forwarded(text) for text in near):
        return None
    said = [line.text for line in lines[:begins] if line.says]
    return begins if said and not any(map(quotewords.points_below, said)) else None


def _skipped(lines: Sequence[_Line], place: int) -> int:
    """The place behind the last line above it that is not empty."""
    while place and not lines[place - 1].text and not lines[place - 1].is_rule:
        place -= 1
    return place


def _place(html: str, lines: Sequence[_Line], first: int) -> tuple[int, Sequence[_Element], int] | None:
    """Where to part the document, which elements end there and go on within the control, and where that ends."""
    line = lines[first]
    last = max(each.cut for each in lines if each.text or each.is_rule)
    parted: list[_Element] = []
    for element in reversed(line.around):
        if _PART.search(element.tag) or (element.name in _HOLDS and element.end > last):
            return line.cut, parted[::-1], element.end
        if element.name not in _GOES_ON:
            return None
        parted.append(element)
    return line.cut, parted[::-1], len(html)
