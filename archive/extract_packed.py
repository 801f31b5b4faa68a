"""The words of Office files (ECMA-376, OpenDocument 1.3): XML in a ZIP, read as a stream, never as a tree.

A ZIP says what it will unpack to, and XML what its entities stand for; neither is believed. What comes out is counted,
and a document type, which no Office program writes, ends the reading.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from lzma import LZMAError
from xml.parsers import expat

from postbuch.archive.extract_bounds import Budget, GivenUp

BLOCK_OCTETS = 65_536
# An Office file has some dozen members, a presentation some per slide; a list of them costs 700 octets of memory each.
MAX_MEMBERS = 20_000
_NUMBER = re.compile(r"(\d+)")
_BROKEN = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, ValueError, NotImplementedError, KeyError)
_BREAKS = frozenset({"p", "h", "br", "cr", "row", "tr", "table-row", "line-break", "title", "si"})
_SPACES = frozenset({"tab", "tc", "s", "c", "table-cell", "t"})


class Packed:
    """An open ZIP whose members are read in blocks, each counted. Raises GivenUp for one that cannot be read."""

    def __init__(self, octets: bytes, budget: Budget) -> None:
        self._budget = budget
        try:
            self._file = zipfile.ZipFile(io.BytesIO(octets))
            members = self._file.infolist()
        except _BROKEN:
            raise GivenUp("DAMAGED") from None
        if len(members) > MAX_MEMBERS:
            raise GivenUp("EXPANDS")
        self._members = {each.filename: each for each in members}
        if any(each.flag_bits & 1 for each in members):
            raise GivenUp("PASSWORD")

    def names(self, pattern: str = "") -> list[str]:
        """The members whose whole name matches, in the order of the numbers in it."""
        found = [name for name in self._members if not pattern or re.fullmatch(pattern, name)]
        return sorted(found, key=lambda name: [int(n) if n.isdecimal() else n for n in _NUMBER.split(name)]) \
            if pattern else found

    def blocks(self, name: str) -> Iterator[bytes]:
        """A member, block by block; nothing when there is none."""
        member = self._members.get(name)
        if member is None:
            return
        try:
            with self._file.open(member) as stream:
                while block := stream.read(BLOCK_OCTETS):
                    self._budget.unpack(len(block))
                    yield block
        except _BROKEN:
            raise GivenUp("DAMAGED") from None


def read_document(octets: bytes, budget: Budget) -> None:
    """A DOCX: the text, then what stands above, below and beside it."""
    packed = Packed(octets, budget)
    texts = _Texts(budget, {"t"})
    for name in ("word/document.xml", *packed.names(r"word/(header|footer|footnotes|endnotes|comments)\d*\.xml")):
        texts.read(packed.blocks(name))


def read_slides(octets: bytes, budget: Budget) -> None:
    """A PPTX: slide by slide, then the notes."""
    packed = Packed(octets, budget)
    texts = _Texts(budget, {"t"})
    for name in (*packed.names(r"ppt/slides/slide\d+\.xml"), *packed.names(r"ppt/notesSlides/notesSlide\d+\.xml"),
                 *packed.names(r"ppt/comments/.{1,80}\.xml")):  # fmt: skip
        texts.read(packed.blocks(name))


def read_sheets(octets: bytes, budget: Budget) -> None:
    """An XLSX: the names of the sheets, each text once (as the file keeps them), then what stands in cells itself."""
    packed = Packed(octets, budget)
    _parse(packed.blocks("xl/workbook.xml"), lambda name, found: (
        budget.add(found.get("name", "") + "\n") if name == "sheet" else None
    ))  # fmt: skip
    _Texts(budget, {"t"}).read(packed.blocks("xl/sharedStrings.xml"))
    for name in packed.names(r"xl/worksheets/sheet\d+\.xml"):
        _Cells(budget).read(packed.blocks(name))
    for name in packed.names(r"xl/comments\d*\.xml"):
        _Texts(budget, {"t"}).read(packed.blocks(name))


def read_open_document(octets: bytes, budget: Budget) -> None:
    """ODT, ODS, ODP: all that stands in the content, and in the head and foot lines of the styles."""
    packed = Packed(octets, budget)
    if b"encryption-data" in b"".join(packed.blocks("META-INF/manifest.xml")):
        raise GivenUp("PASSWORD")
    texts = _Texts(budget, {"p", "h"})
    for name in ("content.xml", "styles.xml"):
        texts.read(packed.blocks(name))


def read_names(octets: bytes, budget: Budget) -> None:
    """Any other ZIP: the names in it. Raises GivenUp always: its files are not searched."""
    for name in Packed(octets, budget).names():
        budget.add(name + "\n")
    raise GivenUp("NAMES")


class _Texts:
    """The characters within elements of the given names, with line ends and spaces where other elements end."""

    def __init__(self, budget: Budget, names: set[str]) -> None:
        self._budget = budget
        self._names = names
        self._depth = 0
        self._pieces: list[str] = []

    def read(self, blocks: Iterator[bytes]) -> None:
        self._depth = 0
        try:
            _parse(blocks, self._start, self._end, self._data, self._flush)
        finally:
            self._flush()

    def _start(self, name: str, found: dict[str, str]) -> None:
        if name in self._names:
            self._depth += 1
        elif name in ("tab", "s"):
            self._pieces.append(" ")

    def _data(self, text: str) -> None:
        if self._depth:
            self._pieces.append(text)

    def _end(self, name: str) -> None:
        if name in self._names:
            self._depth -= 1
        if name in _BREAKS:
            self._pieces.append("\n")
        elif name in _SPACES and name not in self._names:
            self._pieces.append(" ")

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._budget.add("".join(pieces))


class _Cells(_Texts):
    """Numbers, dates as numbers, and texts of the cells themselves; a shared text is a number in here, left out."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(budget, {"v", "t"})
        self._shared = False

    def _start(self, name: str, found: dict[str, str]) -> None:
        if name == "c":
            self._shared = found.get("t") == "s"
        if name == "v" and self._shared:
            return
        super()._start(name, found)

    def _end(self, name: str) -> None:
        if name == "v" and self._shared:
            return
        super()._end(name)


def _parse(
    blocks: Iterator[bytes], start: Callable[[str, dict[str, str]], None], end: Callable[[str], None] | None = None,
    data: Callable[[str], None] | None = None, after: Callable[[], None] | None = None,
) -> None:
    """Feed a parser; names come without their namespace. `after` is called after each block."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.StartElementHandler = lambda name, found: start(name.rpartition(":")[2], found)
    if end is not None:
        parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    if data is not None:
        parser.CharacterDataHandler = data
    fed = False
    try:
        for block in blocks:
            parser.Parse(block, False)
            fed = True
            if after is not None:
                after()
        if fed:
            parser.Parse(b"", True)
    except expat.ExpatError:
        raise GivenUp("DAMAGED") from None


def _no_doctype(*_: object) -> None:
    raise GivenUp("DOCTYPE")
