"""The text of RTF, and the HTML or text that Outlook puts into it (MS-OXRTFEX). Pure, linear, without recursion."""

import re
from dataclasses import dataclass, field

from postbuch.archive import codepage
from postbuch.archive.charsets import decode_octets

# 500,000 tokens take 1 s: some 5 MB of a letter by Outlook. What comes behind them is not read.
MAX_TOKENS = 500_000
_TOKEN = re.compile(
    rb"\\(?:([A-Za-z]{1,32})(-?[0-9]{1,10})? ?|'([0-9A-Fa-f]{2})|([^A-Za-z']|'))|([{}])|[\r\n\0]+|([^\\{}\r\n\0]+)"
)
_ENCAPSULATED = re.compile(rb"\\from(html1|text)(?![a-z0-9])")
# How far from the beginning it has to say so: in the head, before the fonts; some write more there.
_HEAD_OCTETS = 4096
# Groups with something else than the text of the letter.
_DESTINATIONS = frozenset(
    b"author buptim colortbl comment company creatim datafield docvar doccomm filetbl fldinst fonttbl footer footerf "
    b"footerl footerr footnote ftncn ftnsep ftnsepc header headerf headerl headerr info keywords listtable "
    b"listoverridetable manager mhtmltag nonshppict objdata operator pict printim private revtim rxe stylesheet "
    b"subject tc themedata title txe xe xmlnstbl".split()
)
_TEXTS = {
    b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"row": "\n", b"tab": "\t", b"cell": "\t",
    b"nestcell": "\t", b"nestrow": "\n", b"lquote": "\u2018", b"rquote": "\u2019", b"ldblquote": "\u201c",
    b"rdblquote": "\u201d", b"bullet": "\u2022", b"endash": "\u2013", b"emdash": "\u2014", b"enspace": "\u2002",
    b"emspace": "\u2003", b"qmspace": "\u2005", b"zwj": "\u200d", b"zwnj": "\u200c",
}  # fmt: skip
_SYMBOLS = {b"~": "\N{NO-BREAK SPACE}", b"_": "\u2011", b"-": "", b"\n": "\n", b"\r": "\n"}
# The charsets of fonts (RTF 1.9.1, \fcharset) as code pages.
_FONT_PAGES = {
    0: 1252, 77: 10000, 128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255,
    178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250, 255: 437,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """What was read; `is_html` where it is the HTML that the RTF was made of."""

    is_html: bool
    text: str


# Not frozen, for there is one for each group.
@dataclass(slots=True)
class _State:
    """What holds within a group."""

    page: int
    fallback: int = 1  # how many characters follow a \u for programs that do not know it
    ignored: bool = False
    quiet: bool = False  # \htmlrtf: for programs that do not know of the HTML
    in_tag: bool = False
    in_fonts: bool = False


@dataclass(slots=True)
class _Reading:
    is_html: bool
    state: _State
    default: int
    fonts: dict[int, int] = field(default_factory=dict)
    font: int = 0
    outer: list[_State] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    octets: bytearray = field(default_factory=bytearray)  # of one code page, not decoded yet
    page: int = 0
    to_skip: int = 0
    starred: bool = False
    high: int = 0  # the first half of a character beyond U+FFFF

    def say(self, text: str) -> None:
        self.flush()
        self.out.append(text)

    def say_octets(self, octets: bytes) -> None:
        if self.octets and self.page != self.state.page:
            self.flush()
        self.page = self.state.page
        self.octets += octets

    def flush(self) -> None:
        if self.octets:
            self.out.append(decode_octets(bytes(self.octets), codepage.label(self.page)))
            self.octets.clear()


def read(octets: bytes) -> Text:
    """The HTML or the text in it. Never raises; what is no RTF has no text."""
    if octets.lstrip()[:5] != b"{\\rtf":
        return Text(False, "")
    said = _ENCAPSULATED.search(octets[:_HEAD_OCTETS])
    found = _Reading(bool(said and said[1] == b"html1"), _State(page=1252), 1252)
    place = 0
    for _ in range(MAX_TOKENS):
        match = _TOKEN.match(octets, place)
        if match is None:
            break
        place = match.end()
        word, number, code, symbol, brace, text = match.groups()
        if text is not None:
            _characters(found, text)
        elif word == b"bin":  # so many octets that are no RTF
            place += max(0, int(number or 0))
        elif word is not None:
            _word(found, word, None if number is None else int(number))
        elif code is not None:
            _characters(found, bytes.fromhex(code.decode()))
        elif brace is not None:
            _group(found, brace == b"{")
        elif symbol == b"*":
            found.starred = True
        elif symbol and symbol in b"\\{}":
            _characters(found, symbol)
        elif symbol in _SYMBOLS and _is_heard(found):
            found.say(_SYMBOLS[symbol])
    found.flush()
    return Text(found.is_html, "".join(found.out))


def _is_heard(found: _Reading) -> bool:
    return not (found.state.ignored or (found.state.quiet and not found.state.in_tag))


def _group(found: _Reading, opens: bool) -> None:
    found.to_skip = 0
    found.starred = False
    if opens:
        found.outer.append(found.state)
        state = found.state  # dataclasses.replace takes five times as long
        found.state = _State(
            state.page, state.fallback, state.ignored, state.quiet, state.in_tag, state.in_fonts
        )
    elif found.outer:
        found.state = found.outer.pop()


def _characters(found: _Reading, octets: bytes) -> None:
    if found.to_skip:
        skipped = min(found.to_skip, len(octets))
        found.to_skip -= skipped
        octets = octets[skipped:]
    if octets and _is_heard(found):
        found.say_octets(octets)


def _word(found: _Reading, word: bytes, number: int | None) -> None:
    state = found.state
    starred, found.starred = found.starred, False
    if found.to_skip and word != b"u":
        found.to_skip -= 1
        return
    if word in _WORDS:
        _WORDS[word](found, number)
    elif starred or word in _DESTINATIONS:
        state.ignored = True
        state.in_fonts |= word == b"fonttbl"
    elif word in _TEXTS and _is_heard(found):
        found.say(_TEXTS[word])


def _unicode(found: _Reading, number: int | None) -> None:
    found.to_skip = found.state.fallback
    code = (number or 0) & 0xFFFF
    if not _is_heard(found):
        return
    if 0xD800 <= code < 0xDC00:
        found.high = code
    elif 0xDC00 <= code < 0xE000:
        if found.high:
            found.say(chr(0x10000 + ((found.high - 0xD800) << 10) + code - 0xDC00))
        found.high = 0
    elif code:
        found.say(chr(code))


def _code_page(found: _Reading, number: int | None) -> None:
    found.default = found.state.page = number or 1252


def _font(found: _Reading, number: int | None) -> None:
    found.font = number or 0
    found.state.page = found.fonts.get(found.font, found.default)


def _plain(found: _Reading, _: int | None) -> None:
    found.state.page = found.default


def _font_charset(found: _Reading, number: int | None) -> None:
    if found.state.in_fonts and number in _FONT_PAGES:
        found.fonts[found.font] = _FONT_PAGES[number]


def _fallback(found: _Reading, number: int | None) -> None:
    found.state.fallback = max(0, min(number if number is not None else 1, 16))


def _tag(found: _Reading, _: int | None) -> None:
    if found.is_html:
        found.state.in_tag = True
    else:
        found.state.ignored = True


def _quiet(found: _Reading, number: int | None) -> None:
    found.state.quiet = found.is_html and number != 0


_WORDS = {
    b"u": _unicode, b"ansicpg": _code_page, b"f": _font, b"fcharset": _font_charset, b"uc": _fallback,
    b"plain": _plain, b"htmltag": _tag, b"htmlrtf": _quiet,
}  # fmt: skip
