"""File names of parts, as programs write them; both parsers give the same."""

import time

import fast_mail_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive import display, message, mime, parameters


@pytest.mark.parametrize(("field", "name"), [
    ('; filename="a;b.pdf"', "a;b.pdf"),
    (r'; filename="a\"b.pdf"', 'a"b.pdf'), ('; filename="a "b" c.pdf"', 'a "b" c.pdf'),
    ("; filename=\"plain.pdf\"; filename*=UTF-8''%C3%9C.pdf", "Ü.pdf"),
    ("; filename*=iso-8859-1'de'%DC.pdf; filename=plain.pdf", "Ü.pdf"), ("; filename*=%C3%9C.pdf", "Ü.pdf"),
    ('; filename*1="b.pdf"; filename*0="a"', "ab.pdf"), ('; filename*0="a"; filename*2="c.pdf"', "ac.pdf"),
    ("; filename*0*=utf-8''%C3; filename*1*=%9C; filename*2=\" b.pdf\"", "Ü b.pdf"),
    ('; filename="=?utf-8?q?=C3=9C?=\r\n =?utf-8?q?b.pdf?="', "Üb.pdf"), ("; filename==?utf-8?q?=C3=9C.pdf?=", "Ü.pdf"),
    ("; filename=a b (1).pdf", "a b (1).pdf"), ('; filename="a.pdf" (comment); size=1', "a.pdf"),
    ('; filename="a.pdf" size=3', "a.pdf"),
    ('; filename="open.pdf', "open.pdf"), ('; x="; filename=no.exe"; FileName = yes.pdf', "yes.pdf"),
    (' (x; y); filename="a.pdf"', "a.pdf"), ('; filename="a.pdf"; filename="b.pdf"', "a.pdf"),
    ("; filename=", "other.pdf"), ('; filename="a\x01\x07b.pdf"', "ab.pdf"),
    (' (a; filename="no.exe"); filename="yes.pdf"', "yes.pdf"), ("; (a;b) filename=yes.pdf", "yes.pdf"),
    ('; (a (b; c) d; filename=no.exe)\r\n (e) filename="yes.pdf"', "yes.pdf"), ("; (open; filename=yes.pdf", "yes.pdf"),
    ('; filename="=?utf-8?q?a=22;b=C3=9C.pdf?="', 'a";bÜ.pdf'),
    ("; filename==?utf-8?q?a=3B_name=3Db.pdf?=", "a; name=b.pdf"),
    ('; filename="=?utf-8?b?w5w=?=\r\n =?utf-8?q?=22=3B_filename=3D=22no.exe?="', 'Ü"; filename="no.exe'),
    ('; filename="=?utf-8?q?a=C3?= =?utf-8?q?=9C.pdf?="', "aÜ.pdf"),
    (r'; filename="C:\Users\anna\a.pdf"', r"C:\Users\anna\a.pdf"), ('; filename="Üb.pdf"', "Üb.pdf"),
    ("; filename=utf-8''%C3%9C%20b.pdf", "Ü b.pdf"), ("; filename=\"utf-8'de_DE'%C3%9C.pdf\"", "Ü.pdf"),
    ("; filename*=utf-8'%C3%9C.pdf", "Ü.pdf"), ("; filename*=x-none''%C3%9C.pdf", "Ü.pdf"),
    ("; filename*=Anna's.pdf", "Anna's.pdf"), ("; filename=\"Anna's 100%25.pdf\"", "Anna's 100%25.pdf"),
    ("; filename='a b.pdf'", "a b.pdf"), ("; filename=\"'a'.pdf\"", "'a'.pdf"), ("; filename='t Hart", "'t Hart"),
    ('; filename="\x1b$BF|K\\8l\x1b(B.pdf"', "日本語.pdf"),
])
def test_file_names(monkeypatch: pytest.MonkeyPatch, field: str, name: str) -> None:
    """By the quick parser and by the other."""
    octets = f"Content-Type: a/b; name=other.pdf\r\nContent-Disposition: attachment{field}\r\n\r\nx".encode()
    part = message.parse(octets).parts[0]
    assert (part.file_name, part.disposition) == (name, "attachment")

    def refuse(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr(fast_mail_parser, "parse_email_tree", refuse)
    structure = mime.take_apart(octets)
    assert (structure.parser, structure.parts[0].file_name) == ("compat", name)


@pytest.mark.parametrize(("field", "charset"), [
    ("text/plain; (a;b) charset=koi8-r", "koi8-r"), ("text/plain; charset=koi8-r (Russian)", "koi8-r"),
    ('text/plain; name="charset=utf-8"; charset="koi8-r"', "koi8-r"), ("text/plain charset=koi8-r", "koi8-r"),
    ("text/plain; charset=koi8-r format=flowed", "koi8-r"), ("text/plain; charset=koi8-r(Russian)", "koi8-r"),
    ("text/plain; charset*=us-ascii'en'koi8-r", "koi8-r"), ("text/plain", None),
    ("text/plain; (charset=utf-8) charset = koi8-r", "koi8-r"),
])
def test_charsets_of_parts(field: str, charset: str | None) -> None:
    """Whatever stands around it."""
    assert display.leaf(f"Content-Type: {field}\r\n\r\nx".encode(), 0).charset == charset


@pytest.mark.parametrize("piece", ["(", "(\\", "(a", "((a)", "; (a", ";(a)", '"', ';a="', "\\"])
def test_hostile_fields_take_no_time(piece: str) -> None:
    """A field as long as is read, in far less than a second."""
    begin = time.process_time()
    parameters.read(f"{piece * (65_000 // len(piece))}; filename=a", "filename")
    assert time.process_time() - begin < 1


PIECES = st.sampled_from([
    ";", "filename", "name", "*", "0", "1", "=", '"', "\\", "'", "%", "%C3", "utf-8", "''", "(", ")", " ", "a.pdf",
    "\r\n ", "Ü",
])


@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_field_is_read(field: str) -> None:
    """Never an exception."""
    parameters.read(field, "filename")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1))
def test_a_quoted_name_comes_back(name: str) -> None:
    """Whatever it holds, once quotes and backslashes are escaped."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    assert parameters.read(f'attachment; filename="{escaped}"; size=1', "filename") == name
