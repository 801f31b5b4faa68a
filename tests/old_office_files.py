"""Files as Word, Excel and PowerPoint wrote them until 2003, and Outlook its messages, as small as they can be.

MS-DOC, MS-XLS, MS-PPT, MS-OXMSG.
"""

import struct

from compound_files import compound
from container_files import lzfu

ENCRYPTED, QUICKLY, WIDE = 0x0100, 0x0004, 0x1000
_CONTINUE, _MOST = 0x003C, 8224


def doc(texts: list[str | bytes], flags: int = 0, table: bytes | None = None) -> bytes:
    """A document by Word 97: a piece for each text, of one octet a character where it is given as octets."""
    main, places, begins = bytearray(0x400), [], [0]
    struct.pack_into("<HHxxH2xH", main, 0, 0xA5EC, 0xC1, 0x0407, 0x0200 | flags)
    for text in texts:
        places.append(2 * len(main) | 0x40000000 if isinstance(text, bytes) else len(main))
        begins.append(begins[-1] + len(text))
        main += text if isinstance(text, bytes) else text.encode("utf-16-le")
    pieces = struct.pack(f"<{len(begins)}I", *begins) + b"".join(struct.pack("<HIH", 0, place, 0) for place in places)
    if table is None:  # how a piece looks, then the pieces
        table = b"\1\3\0abc" + b"\2" + struct.pack("<I", len(pieces)) + pieces
    struct.pack_into("<II", main, 0x1A2, 16, len(table))
    return compound({"WordDocument": bytes(main), "1Table": bytes(16) + table, "0Table": b"the older one"})


def doc_of_word_6(text: bytes, language: int = 0x0407, flags: int = 0) -> bytes:
    """A document by Word 6 in the code page of its language; saved quickly, its halves are turned round."""
    main = bytearray(0x400)
    struct.pack_into("<HHxxH2xH", main, 0, 0xA5DC, 0x65, language, flags)
    struct.pack_into("<I", main, 0x18, len(main))
    struct.pack_into("<II", main, 0x34, len(text) // (2 if flags & WIDE else 1) - 1, 1)
    half = len(text) // 2
    pieces = struct.pack("<3I", 0, len(text) - half, len(text)) + struct.pack(
        "<HIHHIH", 0, len(main) + half, 0, 0, len(main), 0
    )
    struct.pack_into("<II", main, 0x160, len(main) + len(text), len(pieces) + 5)
    return compound({"WordDocument": bytes(main) + text + b"\2" + struct.pack("<I", len(pieces)) + pieces})


def record(kind: int, octets: bytes = b"") -> bytes:
    """A record of Excel's."""
    return struct.pack("<HH", kind, len(octets)) + octets


def _wide(text: str, size: str = "H") -> bytes:
    narrow = all(ord(letter) < 256 for letter in text)
    return struct.pack(f"<{size}B", len(text), not narrow) + text.encode("latin-1" if narrow else "utf-16-le")


def shared_texts(texts: list[str], most: int = _MOST) -> bytes:
    """The table of texts, cut into records of so many octets, with the mark of its width where a text goes on."""
    out, piece = b"", struct.pack("<II", len(texts), len(texts))
    kind = 0x00FC
    for text in texts:
        wide = any(ord(letter) > 255 for letter in text)
        # Rich: one run of four octets behind it; and six octets that say how it sounds.
        head = struct.pack("<HBHI", len(text), 0x0C | wide, 1, 6)
        if len(piece) + len(head) > most:
            out, piece, kind = out + record(kind, piece), b"", _CONTINUE
        piece += head
        for letter in text:
            octets = letter.encode("utf-16-le" if wide else "latin-1")
            if len(piece) + len(octets) > most:
                out, piece, kind = out + record(kind, piece), bytes([wide]), _CONTINUE
            piece += octets
        for octet in b"runssounds":
            if len(piece) == most:
                out, piece, kind = out + record(kind, piece), b"", _CONTINUE
            piece += bytes([octet])
    return out + record(kind, piece)


def _short(row: int, column: int, number: int) -> bytes:
    return record(0x027E, struct.pack("<HHHI", row, column, 0, number))


def xls(texts: list[str], more: bytes = b"", most: int = _MOST) -> bytes:
    """A workbook by Excel 97: texts, numbers in each of their forms, a formula with a text, a comment."""
    begin = record(0x0809, struct.pack("<HH12x", 0x0600, 5))
    cells = (
        record(0x00FD, struct.pack("<HHHI", 0, 0, 0, 0))
        + record(0x0203, struct.pack("<HHHd", 0, 1, 0, 1234.5))
        + _short(0, 2, 4711 << 2 | 2)
        + _short(1, 0, (-1999 << 2) & 0xFFFFFFFF | 3)
        + record(0x00BD, struct.pack("<HH", 1, 1) + struct.pack("<HIHI", 0, 5 << 2 | 2, 0, 0x40240000) + b"\2\0")
        + record(0x0006, struct.pack("<HHHdHIH", 2, 0, 0, 0.25, 0, 0, 0))
        + record(0x0006, struct.pack("<HHH", 2, 1, 0) + b"\0\0\0\0\0\0\xff\xff" + bytes(8))
        + record(0x0207, _wide("Ergebnis € 5"))
        + record(0x0204, struct.pack("<HHH", 3, 0, 0) + _wide("Etikett"))
        + record(0x01B6, struct.pack("<10xHH4x", 9, 16)) + record(_CONTINUE, b"\0Kom") + record(_CONTINUE, b"\0mentar")
        + record(_CONTINUE, bytes(16))
    )
    sheet = record(0x0085, struct.pack("<IBB", 0, 0, 0) + _wide("Umsatz", "B"))
    book = begin + record(0x0042, b"\xb0\x04") + more + sheet + shared_texts(texts, most) + record(0x000A)
    return compound({"Workbook": book + begin + cells + record(0x000A)})


def xls_of_excel_5(text: bytes, page: int, is_bare: bool = False) -> bytes:
    """A workbook by Excel 5 in a code page; bare, as some programs write it: without a compound file around it."""
    begin = record(0x0809, struct.pack("<HHHH", 0x0500, 5, 0, 0))
    book = (
        begin + record(0x0042, struct.pack("<H", page))
        + record(0x0085, struct.pack("<IBBB", 0, 0, 0, 7) + b"Tabelle") + record(0x000A)
        + begin + record(0x0204, struct.pack("<HHHH", 0, 0, 0, len(text)) + text)
        + record(0x001C, struct.pack("<HHH", 0, 0, len(text)) + text) + record(0x000A)
    )
    return book if is_bare else compound({"Book": book})


def _atom(kind: int, octets: bytes) -> bytes:
    return struct.pack("<HHI", 0, kind, len(octets)) + octets


def _container(kind: int, *inside: bytes) -> bytes:
    octets = b"".join(inside)
    return struct.pack("<HHI", 0xF, kind, len(octets)) + octets


def _slide(text: str) -> bytes:
    """A slide with its text in a box of a drawing, a foot line, a name, and a comment as later versions keep it."""
    later = _container(0x1388, _container(0x138A, _atom(0x0FBA, _utf16("___PPT10")), _atom(
        0x138B, _container(0x2EE0, _atom(0x0FBA, _utf16("Anna")), _atom(0x0FBA, _utf16(f"Kommentar zu {text}")))
    )))  # fmt: skip
    return _container(
        0x03EE, _container(0x040C, _container(0xF002, _container(0xF00D, _atom(0x0FA0, _utf16(text))))),
        _container(0x0FD9, _atom(0x0FBA, _utf16("Fußzeile"))), _atom(0x0FBA, _utf16("Formatname")), later,
    )  # fmt: skip


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


def ppt(text: str, outline: bytes = b"Gliederung", token: int = 0xE391C05F, has_list: bool = True) -> bytes:
    """A presentation that was saved twice, the second time quickly: its one slide stands there in two versions."""
    document = _container(
        0x03E8, _atom(0x03E9, struct.pack("<24xII8x", 4, 0)), _container(0x0FF0, _atom(0x0FA8, outline))
    )
    notes = _container(0x03F0, _atom(0x0FA0, _utf16("Notiz\x0bzwei")))
    # By number: 1 document, 2 slide, 3 master, 4 master of the notes, 5 notes.
    first = [document, _slide("veraltet"), _container(0x03F8, _atom(0x0FA8, b"Click to edit")),
             _container(0x03F0, _atom(0x0FA8, b"Click to edit notes")), notes]  # fmt: skip
    places, records = [], b""
    for each in first:
        places.append(len(records))
        records += each
    edits: list[int] = []
    for listed, inside in ((struct.pack("<6I", 1 | 5 << 20, *places), b""), (None, _slide(text))):
        place = len(records)
        records += inside
        held = listed or struct.pack("<II", 2 | 1 << 20, place)
        objects = len(records)
        records += _atom(0x1772, held)
        before = edits[-1] if edits else 0
        edits.append(len(records))
        records += _atom(0x0FF5, struct.pack("<I4xIIII4x", 0, before, objects, 1, 5))
    user = _atom(0x0FF6, struct.pack("<III", 20, token, edits[-1] if has_list else 0) + bytes(8))
    return compound({"Current User": user, "PowerPoint Document": records})


def msg(files: dict[str, bytes], inner: dict[str, bytes] | None = None, code_page: int = 0, **texts: str) -> bytes:
    """A message by Outlook; `inner` are the streams of one that was attached to it. See `msg_streams`."""
    return compound(msg_streams(files, inner, code_page, **texts))


def msg_streams(
    files: dict[str, bytes], inner: dict[str, bytes] | None = None, code_page: int = 0, *, subject: str = "",
    body: str = "", html: str = "", rtf: str = "",
) -> dict[str, bytes]:
    """Its streams: texts in UTF-16 or, where a code page is named, in that."""
    kind = "001e" if code_page else "001f"

    def written(text: str) -> bytes:
        return text.encode(f"cp{code_page}" if code_page else "utf-16-le")

    # The types of two fixed properties, then code page of the texts and of the page.
    pages = (0x3FFD, code_page or 1252), (0x3FDE, 65001)
    listed = bytes(32) + b"".join(struct.pack("<HHIQ", 3, number, 6, page) for number, page in pages)
    streams = {
        "__properties_version1.0": listed,
        f"__substg1.0_0037{kind}": written(subject), f"__substg1.0_0042{kind}": written("Erika Muster"),
        f"__substg1.0_0065{kind}": written("/o=firma/cn=erika"), "__substg1.0_5D02001F": _utf16("erika@kunde.example"),
        f"__substg1.0_0E04{kind}": written("Anna"), "__nameid_version1.0/__substg1.0_00030102": bytes(16),
        "__recip_version1.0_#00000000/__properties_version1.0": bytes(8),
        f"__recip_version1.0_#00000000/__substg1.0_3001{kind}": written("Anna"),
        "__recip_version1.0_#00000000/__substg1.0_39FE001F": _utf16("anna@firma.example"),
        f"__recip_version1.0_#00000000/__substg1.0_3003{kind}": written("/o=firma/cn=anna"),
    }  # fmt: skip
    if body:
        streams["__substg1.0_1000001F"] = _utf16(body)
    if html:
        streams["__substg1.0_10130102"] = html.encode()
    if rtf:
        streams["__substg1.0_10090102"] = lzfu(rtf.encode())
    for number, (name, octets) in enumerate(files.items()):
        storage = f"__attach_version1.0_#{number:08X}"
        streams |= {f"{storage}/__properties_version1.0": bytes(8), f"{storage}/__substg1.0_3707{kind}": written(name),
                    f"{storage}/__substg1.0_37010102": octets}  # fmt: skip
    if inner:
        storage = f"__attach_version1.0_#{len(files):08X}"
        streams[f"{storage}/__properties_version1.0"] = bytes(8)
        streams |= {f"{storage}/__substg1.0_3701000D/{path}": octets for path, octets in inner.items()}
        streams[f"{storage}/__substg1.0_3701000D/__properties_version1.0"] = bytes(24) + listed[32:]
    return streams
