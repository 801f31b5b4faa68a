"""The words of Office files from before 2007: of each version, and of what attackers and accidents make of them."""

import struct
from collections.abc import Iterator

import compound_files
import psutil
import pytest
from compound_files import compound
from office_files import mail_with
from old_office_files import (
    ENCRYPTED,
    QUICKLY,
    WIDE,
    doc,
    doc_of_word_6,
    msg,
    msg_streams,
    ppt,
    record,
    xls,
    xls_of_excel_5,
)

from postbuch.archive import extract_child
from postbuch.archive.compound import Compound
from postbuch.archive.extract_bounds import MAX_CHARACTERS, Budget, GivenUp
from postbuch.archive.extract_parser import FileParser
from postbuch.archive.extract_xls import read_xls

WORD = "Grüße aus München"
RUSSIAN = "Привет"


@pytest.fixture(scope="module")
def files() -> Iterator[FileParser]:
    with FileParser() as made:
        yield made


FIELDS = "vor \x13 HYPERLINK \"x\" \x13 PAGE \x14 7 \x15 \x14Verweis\x15 nach\x13 XE \"Stichwort\" \x15 \x13 offen"
DOCUMENTS = {
    "pieces of both widths": (doc([WORD.encode("cp1252"), f" {RUSSIAN} 5 €\r", b"\x93zitiert\x94 \x80\r"]),
                              f"{WORD} {RUSSIAN} 5 €\n“zitiert” €", "doc"),
    "fields and marks": (doc([FIELDS, "\rlinks\x07rechts\x07\x07\rweich\x1fe Tren\x1enung\x0bneu\x0c\x01\x08\x02"]),
                         "vor Verweis nach offen\nlinks\trechts\nweiche Tren\u2011nung\nneu", "doc"),
    "Word 6": (doc_of_word_6(WORD.encode("cp1252")), WORD, "doc"),
    "Word 6 in Russian": (doc_of_word_6(RUSSIAN.encode("cp1251"), 0x0419), RUSSIAN, "doc"),
    "Word 6, saved quickly": (doc_of_word_6(b"hinten vorn ", flags=QUICKLY), "vorn hinten", "doc"),
    "Word 95 with wide characters": (doc_of_word_6("漢字".encode("utf-16-le"), 0x0411, WIDE), "漢字", "doc"),
    "Excel 97": (xls([WORD, RUSSIAN]), f"Umsatz\n{WORD}\n{RUSSIAN}\n1234.5 4711\n-19.99 5 10\n0.25 Ergebnis € 5\n"
                                       "Etikett Kommentar", "xls"),
    "Excel 5": (xls_of_excel_5(RUSSIAN.encode("cp1251"), 1251), f"Tabelle\n{RUSSIAN} {RUSSIAN}", "xls"),
    "Excel 5 on a Macintosh": (xls_of_excel_5("Öl".encode("mac_roman"), 0x8000), "Tabelle\nÖl Öl", "xls"),
    "Excel 5 without a compound file": (xls_of_excel_5(b"bar", 1252, True), "Tabelle\nbar bar", "xls"),
    "PowerPoint 97": (ppt(f"{WORD} {RUSSIAN}"), f"Gliederung\nNotiz\nzwei\n{WORD} {RUSSIAN}\nFußzeile\nAnna\n"
                                                f"Kommentar zu {WORD} {RUSSIAN}", "ppt"),
}  # fmt: skip

PEOPLE = '"Erika Muster" <erika@kunde.example>\nAnna\nanna@firma.example'
MESSAGES = {
    "plain text": (msg({"Brief.doc": doc([WORD])}, subject="Über alles", body=f"Hallo {RUSSIAN}\r\n", html="<p>anders"),
                   f"Über alles\n{PEOPLE}\nHallo {RUSSIAN}\nBrief.doc\n{WORD}"),
    "HTML": (msg({}, subject="x", html=f"<html><p>{WORD}"), f"x\n{PEOPLE}\n{WORD}"),
    "RTF": (msg({}, subject="x", rtf=r"{\rtf1\ansi Gr\'fc\'dfe}"), f"x\n{PEOPLE}\nGrüße"),
    "HTML in RTF": (msg({}, subject="x", rtf=r"{\rtf1\ansi\fromhtml1 {\*\htmltag <p>}innen{\*\htmltag </p>}}"),
                    f"x\n{PEOPLE}\ninnen"),
    "a code page": (msg({f"{RUSSIAN}.txt": b"Text"}, code_page=1251, subject=RUSSIAN),
                    f"{RUSSIAN}\n{PEOPLE}\n{RUSSIAN}.txt\nText"),
    "a message within": (msg({"a.txt": b"Text"}, msg_streams({"b.txt": b"ganz innen"}, subject="innen"), subject="x"),
                         f"x\n{PEOPLE}\na.txt\nText\ninnen\n{PEOPLE}\nb.txt\nganz innen"),
}  # fmt: skip


def lines(text: str) -> list[str]:
    """Words line by line: how far they stand from each other is of no matter."""
    return [" ".join(line.split()) for line in text.splitlines() if line.split()]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_words_of_each_version(files: FileParser, name: str) -> None:
    """All words and no others: no codes of fields, no older version of a slide, no master."""
    octets, text, kind = DOCUMENTS[name]
    found = files.extract(octets)
    assert lines(found.text) == lines(text)
    assert (found.reason, found.extractor) == ("", kind)


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_that_outlook_saved(files: FileParser, name: str) -> None:
    """Who and what about, the text in whichever form it has, and the files with messages in them."""
    octets, text = MESSAGES[name]
    found = files.extract(octets)
    assert lines(found.text) == lines(text)
    assert (found.reason, found.extractor) == ("", "msg")


def within(times: int) -> bytes:
    """Messages in messages, each attached to the one around it."""
    streams = msg_streams({}, subject="innen")
    for _ in range(times):
        streams = msg_streams({}, streams, subject="aussen")
    return compound(streams)


@pytest.mark.parametrize("most", range(30, 95))
def test_texts_of_a_workbook_go_on_in_the_next_record(files: FileParser, most: int) -> None:
    """Wherever it is cut: within a text, its looks or its sounds; each record says anew how wide its characters are."""
    texts = [WORD, RUSSIAN * 20, "kurz", "", f"Ende {RUSSIAN}"]
    assert [each for each in texts if each] == lines(files.extract(xls(texts, most=most)).text)[1:5]


def changed(octets: bytes, place: int, *numbers: int) -> bytes:
    """With these numbers of four octets in that place."""
    return octets[:place] + struct.pack(f"<{len(numbers)}I", *numbers) + octets[place + 4 * len(numbers) :]


LONG = doc([WORD * 1000])
# The same three million characters in a thousand pieces.
PIECES = b"\2" + struct.pack("<I", 12_004) + struct.pack("<1001I", *range(0, 3_000_001_000, 3_000_000)) + struct.pack(
    "<HIH", 0, 0x40000000 | 0x800, 0
) * 1000
HOSTILE = {
    "protected DOC": (doc(["x"], ENCRYPTED), "PASSWORD"),
    "protected XLS": (xls(["x"], record(0x002F, bytes(54))), "PASSWORD"),
    "protected PPT": (ppt("x", token=0xF3D1C4DF), "PASSWORD"),
    "protected PPTX": (compound({"EncryptedPackage": bytes(5000), "EncryptionInfo": bytes(9)}), "PASSWORD"),
    "another program's": (compound({"VisioDocument": bytes(5000)}), "LEGACY"),
    "no directory": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5000), "DAMAGED"),
    "an empty DOC": (compound({"WordDocument": b""}), "DAMAGED"),
    "a DOC by nobody": (compound({"WordDocument": bytes(5000)}), "LEGACY"),
    "an empty XLS": (compound({"Workbook": b""}), "DAMAGED"),
    "an empty PPT": (compound({"PowerPoint Document": bytes(80)}), "DAMAGED"),
    "messages in messages": (within(12), "INSIDE"),
    "a message with many files": (msg({f"{number}.txt": b"x" for number in range(150)}), "INSIDE"),
    "a message with a protected file": (msg({"x.doc": doc(["x"], ENCRYPTED)}), "INSIDE"),
    "an object of another program's": (compound(msg_streams({"a.txt": b"x"}) | {
        "__attach_version1.0_#00000001/__properties_version1.0": bytes(8),
        "__attach_version1.0_#00000001/__substg1.0_3701000D/WordDocument": bytes(5000),
    }), "INSIDE"),
    "no pieces": (doc(["x"], table=b"\3"), "DAMAGED"),
    "pieces without end": (doc([b"a" * 3_000_000], table=PIECES), "PART"),
    "more pieces than there are": (doc(["x"], table=b"\2\xff\xff\xff\xff" + bytes(64)), ""),
    "a chain that loops": (changed(LONG, LONG.rindex(struct.pack("<III", 2, 3, 4)), *[1] * 20), ""),
    "a FAT without end": (changed(LONG, compound_files.FAT_COUNT_AT, 0xFFFFFFFF), ""),
    "a DIFAT that loops": (changed(LONG, 68, 0, 0xFFFFFFFF), ""),
    "sectors of all sizes": (changed(LONG, 30, 0xFFFFFFFF), "DAMAGED"),
    "texts that are not there": (xls(["a"], record(0x00FC, b"\xff" * 8 + b"\xff\xff\x0f")), ""),
    "texts without end": (compound({"Workbook": record(0x0809, b"\0\6" + bytes(14)) + record(
        0x00FC, bytes(8)) + (record(0x003C, b"\5\0\0Hallo" * 1000)) * 250}), "PART"),
    "many long records": (compound({"Workbook": record(0x0809, b"\0\6" + bytes(14)) + record(0x0A) * 2_000}), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_cost_what_they_may(files: FileParser, name: str) -> None:
    """An answer with its reason, by a child that is the same and within its memory."""
    octets, reason = HOSTILE[name]
    files.extract(b"x")
    child = files._child
    assert child is not None
    found = files.extract(octets)
    assert found.reason == reason, found.text[:200]
    assert len(found.text) <= MAX_CHARACTERS
    assert files._child is child
    assert psutil.Process(child.pid).memory_info().vms <= extract_child.MEMORY_OCTETS


def test_a_presentation_whose_list_is_damaged_is_read_whole(files: FileParser) -> None:
    """Rather an old version too many than no words."""
    assert {"neu", "veraltet"} <= set(lines(files.extract(ppt("neu", has_list=False)).text))


def test_streams_are_found_by_their_paths() -> None:
    """Small and large ones, within storages, a thousand in one, whatever their letters are; loops in the tree end."""
    many = {f"Stream {number}": bytes([number % 256]) * number * 3 for number in range(2000)}
    file = Compound(compound({**many, "A/B/C": b"innen", "A/D": b"x" * 9000}))
    assert sorted(file.names()) == sorted([*map(str.lower, many), "a"])
    assert [file.stream(name) for name in many] == list(many.values())
    assert (file.names("a/b"), file.stream("a/b/c"), file.stream("A/D")) == (["c"], b"innen", b"x" * 9000)
    assert (file.stream("A"), file.stream("E")) == (b"", b"")


def test_a_tree_that_loops_ends() -> None:
    """Each entry is its own sibling and child."""
    octets = bytearray(compound({"A/B": b"x", "A/C": b"y"}))
    place = octets.index("A".encode("utf-16-le") + bytes(62))
    octets[place + 68 : place + 80] = struct.pack("<III", 1, 1, 1)
    assert Compound(bytes(octets)).names() == ["a"]


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(files: FileParser) -> None:
    """Its last sector is the table of the others."""
    assert files.extract(LONG[:-512]).text == files.extract(LONG).text == WORD * 1000


def test_streams_give_no_more_than_the_file_has() -> None:
    """A thousand streams in the same sectors are read until they gave twice the file."""
    octets = compound({"0": bytes(50_000)} | {str(number): b"" for number in range(1, 1000)})
    start = octets.index("0".encode("utf-16-le") + bytes(62))
    said = octets[start + 116 : start + 128]
    for number in range(1, 1000):
        place = octets.index(str(number).encode("utf-16-le") + b"\0\0")
        octets = octets[: place + 116] + said + octets[place + 128 :]
    file = Compound(octets)
    assert sum(len(file.stream(name)) for name in file.names()) <= 2 * len(octets)


LONG_PAGE = f"<html><p>vorn</p>{'<br>' * 300_000}</html>"


@pytest.mark.parametrize("octets", [
    msg({"hinten.txt": b"ganz am Ende"}, html=LONG_PAGE),
    mail_with({"lang.html": LONG_PAGE.encode(), "hinten.txt": b"ganz am Ende"}),
])  # fmt: skip
def test_files_behind_a_page_that_is_too_long_are_read(files: FileParser, octets: bytes) -> None:
    """What is too long is said; it leaves room for the others."""
    found = files.extract(octets)
    assert "ganz am Ende" in found.text and found.reason == "INSIDE"


def test_who_sent_it_is_who_wrote_it_where_nothing_else_is_said(files: FileParser) -> None:
    """As in drafts, and in what other programs write."""
    renamed = {"0042": "0C1A", "0065": "0C1F", "5D02": "5D01"}
    streams = {
        name[:12] + renamed.get(name[12:16], name[12:16]) + name[16:] if name.startswith("__substg1.0_") else name: each
        for name, each in msg_streams({}, subject="x").items()
    }
    assert lines(files.extract(compound(streams)).text) == ["x", *PEOPLE.splitlines()]


def test_the_time_is_looked_at_between_any_two_records() -> None:
    """However few they are: each may be as long as the file."""
    with pytest.raises(GivenUp, match="TIME"):
        read_xls(compound({"Workbook": record(0x0809, b"\0\6" + bytes(14)) + record(0x0A) * 9}), Budget(
            packed_octets=1, end=0.0
        ))  # fmt: skip
