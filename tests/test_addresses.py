"""The addresses of a field: in time for whatever it holds, never one that the sender only names, and none mangled."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from postbuch.archive import addresses, headers

# Opened and not closed, one in the other: what a reader that goes back reads again and again.
PIECES = (
    b'"', b"\\", b'"\\', b"(", b"<", b'<(\\")', b'<"', b'<"\\"', b'"\\"<', b"=?a?q?", b"=?", b"@", b"@[", b"a@", b"a ",
    b"a @ ", b" / ", b"a/@", b"cn=/ ", b"cn=,/", b"c", b"@a:1", b"a at ", b"<=?a?q??=",
    b"(=?a?q?", b"()", b'(")', b'<\\"', b'"a"@', b"<:", b"a@b,", b";", b"=?a?b?YQ= ?= ", b"< ", b"<@a:",
)


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("ends", [(b"", b""), (b'"', b""), (b"(", b">"), (b"<a@b", b'"'), (b"<", b")")])
def test_no_field_takes_long(piece: bytes, ends: tuple[bytes, bytes]) -> None:
    """64 KiB of anything: the slowest takes 0.4 s; with the time growing with the square they took 80 s."""
    raw = ends[0] + piece * (headers.MAX_FIELD_OCTETS // len(piece)) + ends[1]
    began = time.thread_time()  # what others do meanwhile does not count
    headers.addresses(raw)
    assert time.thread_time() - began < 3


@pytest.mark.parametrize("written", [
    b'"chef@firma.example" boese@evil.example',
    b'"chef@firma.example"boese@evil.example',
    b'"\\"chef@firma.example" boese@evil.example',
    b"=?utf-8?B?Y2hlZkBmaXJtYS5leGFtcGxl?= boese@evil.example",
    b"=?utf-8?Q?=3Cchef=40firma.example=3E,?= boese@evil.example",
    b"(chef@firma.example (x)) boese@evil.example",
    b"(chef@firma.example \\) x) boese@evil.example",
    b'("chef@firma.example) boese@evil.example',
    b'"chef@firma.example" <boese@evil.example>',
    b"chef@firma.example <boese@evil.example>",
    b'"chef@firma.example", boese@evil.example',
    b'"x, cn=Chef, A/O=F@firma.example" <boese@evil.example>',
    b"=?utf-8?Q?x, cn=Chef, A/O=F@firma.example?= <boese@evil.example>",
    b"(x, cn=Chef, A/O=F@firma.example) <boese@evil.example>",
    b'"chef at firma.example" <boese@evil.example>', b"(chef at firma.example) <boese@evil.example>",
    b"chef at firma.example <boese@evil.example>", b'"x <chef at firma.example>" <boese@evil.example>',
    b"(chef@firma.example) <boese@evil.example (chef@firma.example)>",
])
def test_no_sender_whom_the_sender_only_names(written: bytes) -> None:
    """An address that is quoted, encoded or a comment is part of a name."""
    assert [address for _, address in headers.addresses(written)] == ["boese@evil.example"]


@pytest.mark.parametrize(("written", "name", "address"), [
    (b"X <u@[IPv6:2001:db8::1]>", "X", "u@[ipv6:2001:db8::1]"),
    (b"u@[IPv6:2001:db8::1]", "", "u@[ipv6:2001:db8::1]"),
    (b"[Liste] Anna <a@[192.0.2.1]>", "[Liste] Anna", "a@[192.0.2.1]"),
    (b'John <"john..doe"@k.example>', "John", '"john..doe"@k.example'),
    (b'<"john doe"@k>', "", '"john doe"@k'),
    (b'"john doe"@k.example', "", '"john doe"@k.example'),
    (b'A <"a>b,c"@k>', "A", '"a>b,c"@k'),
    (b'<"anna"@k>', "", "anna@k"),
    (b"=?utf-8?Q?M=C3=BCller,_Anna?= <m@k>", "Müller, Anna", "m@k"),
    (b"=?utf-8?Q?M=C3=BCller;_(Anna:_?= =?utf-8?Q?=C3=84)?= <m@k>", "Müller; (Anna: Ä)", "m@k"),
    (b"ax@k (Anna (die erste) X)", "Anna (die erste) X", "ax@k"),
    (b"ax@k (=?utf-8?Q?=C3=84)?=)", "Ä)", "ax@k"),
    (b"<ax@k> (Anna)", "Anna", "ax@k"),
    (b'"back\\\\slash \\"x\\" y" <a@k>', 'back\\slash "x" y', "a@k"),
    (b"Pete(A wonderful \\) chap) <pete(his account)@silly.test(his host)>", "Pete", "pete@silly.test"),
    (b"<@relay.example,@b.example:anna@k>", "", "anna@k"),
    (b"<mailto:anna@k>", "", "anna@k"),
    (b'"Anna <a@k>', "Anna", "a@k"),
    (b"Anna (die erste <a@k>", "Anna die erste", "a@k"),
    (b"=?utf-8?Q?Anna <a@k>", "=?utf-8?Q?Anna", "a@k"),
    (b"anna@k <>", "", "anna@k"),
    (b"Men's Club <a@k", "Men's Club", "a@k"), (b"<a@k", "", "a@k"), (b"'t Hart <a@k>", "'t Hart", "a@k"),
    (b"Buddingh' <a@k>", "Buddingh'", "a@k"), (b"\"'Anna'\" <a@k>", "Anna", "a@k"), (b"'' <a@k>", "", "a@k"),
    (b"a@b@k", "", "a@b@k"), (b"<a@b@k>", "", "a@b@k"), (b"[a@k]", "", "a@k"), (b"<[a@k]>", "", "a@k"),
    (b"[smtp:a@k]", "", "a@k"),
    (b"chef@a boss@b <a@k>", "chef@a boss@b", "a@k"),
    (b'"GmbH \\"Sonne\\"" <a@k>', 'GmbH "Sonne"', "a@k"),
    (b"=?utf-8?Q?=22Sonne=22_GmbH?= <a@k>", '"Sonne" GmbH', "a@k"),
    (b"=?utf-8?Q?=22Sonne=22?= <a@k>", "Sonne", "a@k"), (b"\"'GmbH \\\"Sonne\\\"'\" <a@k>", 'GmbH "Sonne"', "a@k"),
])  # fmt: skip
def test_addresses_are_not_mangled(written: bytes, name: str, address: str) -> None:
    """Quoted local parts, domain literals, encoded words with marks, comments in comments, what nothing closes."""
    assert headers.addresses(written) == [(name, address)]
    listed = headers.addresses(b"x@first.example, " + written + b", Anna <y@last.example>")
    assert listed == [("", "x@first.example"), (name, address), ("Anna", "y@last.example")]


@pytest.mark.parametrize(("written", "found"), [
    ("Müller, Anna <a@k>", [("Müller, Anna", "a@k")]),
    ('"Müller", Dr. Anna, Firma <a@k>', [("Müller, Dr. Anna, Firma", "a@k")]),
    ("x@k, Müller, Anna <a@k>, B <b@k>", [("", "x@k"), ("Müller, Anna", "a@k"), ("B", "b@k")]),
    ("Verteiler; Anna <a@k>", [("Anna", "a@k")]), ("Liste: Müller, Anna <a@k>;", [("Müller, Anna", "a@k")]),
    ("Müller, a@k", [("", "a@k")]), ("Müller, <a@k>", [("", "a@k")]), (", , Anna <a@k>", [("Anna", "a@k")]),
])
def test_a_name_with_a_comma_that_nobody_quoted(written: str, found: list[tuple[str, str]]) -> None:
    """The first half of it has no address of its own."""
    assert headers.addresses(written.encode()) == found


@pytest.mark.parametrize(("written", "found"), [
    (b"a@k b@k", [("", "a@k"), ("", "b@k")]), (b"<a@k> <b@k>", [("", "a@k"), ("", "b@k")]),
    (b"Anna <a@k>\r\n Berta <b@k>, C <c@k>", [("Anna", "a@k"), ("Berta", "b@k"), ("C", "c@k")]),
    (b"Anna <a@k> b@k", [("Anna", "a@k"), ("", "b@k")]), (b"Anna <a@k> x@k <b@k>", [("Anna", "a@k"), ("x@k", "b@k")]),
    (b"a@k (Anna) b@k (Berta)", [("Anna", "a@k"), ("Berta", "b@k")]),
    (b"M, Anna <a@k> Berta <b@k>", [("M, Anna", "a@k"), ("Berta", "b@k")]),
    (b"Anna <a@k, b@k>, C <c@k>", [("Anna", "a@k"), ("", "b@k"), ("C", "c@k")]),
    (b"<a@k;b@k>", [("", "a@k"), ("", "b@k")]), (b"<a,b@k>", [("", "a,b@k")]),
    (b"<@r.example,@s.example:a@k>", [("", "a@k")]),
])
def test_addresses_without_a_comma_between_them(written: bytes, found: list[tuple[str, str]]) -> None:
    """Each is who it was written to. What stands before a bracket is a name, also if it looks like an address."""
    assert headers.addresses(written) == found


@pytest.mark.parametrize(("written", "name", "address"), [
    (b"Anna Maier a@k", "Anna Maier", "a@k"), (b"a@k Anna", "Anna", "a@k"), (b"Anna a@k (Chefin)", "Chefin", "a@k"),
    (b'"Anna M" a@k', "Anna M", "a@k"), (b"Anna anna/firma@k.example", "Anna", "anna/firma@k.example"),
    (b'Anna "john doe"@k', "Anna", '"john doe"@k'), (b"=?utf-8?Q?=C3=84?= a@k", "Ä", "a@k"),
])
def test_a_name_beside_an_address_without_brackets(written: bytes, name: str, address: str) -> None:
    """Scripts write so."""
    assert headers.addresses(written) == [(name, address)]


@pytest.mark.parametrize(("written", "name", "address"), [
    (b"Anna <anna at k.example>", "Anna", "anna@k.example"), (b"<anna AT k>", "", "anna@k"),
    (b"anna at k.example (Anna Weber)", "Anna Weber", "anna@k.example"), (b"<anna(at)k>", "", "anna@k"),
    (b"anna [at] k.example", "", "anna@k.example"), (b"Anna at work <a@k>", "Anna at work", "a@k"),
    (b"<a@k:25>", "", "a@k"), (b"Anna a@k:25 (Chefin)", "Chefin", "a@k"), (b"a@[192.0.2.1]:587", "", "a@[192.0.2.1]"),
    (b"<smtp:a@k:25>", "", "a@k"), (b"<@r.example:a@k>", "", "a@k"),
    (b"Anna <=?utf-8?q?m=C3=BCller=40k?=>", "Anna", "müller@k"),
    (b"<=?utf-8?q?a=40k=3E_b?=>", "", "=?utf-8?q?a=40k=3e_b?="),
])
def test_addresses_as_programs_and_logs_write_them(written: bytes, name: str, address: str) -> None:
    """RFC 733 had `at`, archives of mailing lists have it still."""
    assert headers.addresses(written) == [(name, address)]
    assert headers.addresses(b"x@k, " + written + b", y@k") == [("", "x@k"), (name, address), ("", "y@k")]


@pytest.mark.parametrize("written", [b"Anna at work", b"Anna is at k.example", b'"anna at k.example"', b"Team:25, Bo"])
def test_names_that_are_no_addresses(written: bytes) -> None:
    """Nobody is made up."""
    assert headers.addresses(written) == []


@pytest.mark.parametrize(("written", "found"), [
    ("CN=Weber, Anna/O=Firma@FIRMA", [("Weber, Anna", '"cn=weber, anna/o=firma"@firma')]),
    ("<CN=Weber, Anna/O=Firma@FIRMA>", [("", '"cn=weber, anna/o=firma"@firma')]),
    ("x@k, cn=Anna W/O=Firma, Inc.@FIRMA, y@k",
     [("", "x@k"), ("Anna W", '"cn=anna w/o=firma, inc."@firma'), ("", "y@k")]),
    ("CN=Weber, =?utf-8?Q?=C3=84?=/O=K@k.example", [("Weber, Ä", '"cn=weber, ä/o=k"@k.example')]),
    ("Berta, cn=W, Anna/O=K@K, b@k", [("W, Anna", '"cn=w, anna/o=k"@k'), ("", "b@k")]),
    ("CN=Anna/O=Firma, CN=Bert/O=Firma@FIRMA", [("", "cn=bert/o=firma@firma")]),
    ("CN=Anna/O=Firma, b@k.example", [("", "b@k.example")]), ("CN=Anna, Bert@FIRMA", [("", "bert@firma")]),
])
def test_a_comma_in_a_name_of_lotus_notes(written: str, found: list[tuple[str, str]]) -> None:
    """Where the name says where it begins; what may be two people are two."""
    assert headers.addresses(written.encode()) == found


@pytest.mark.parametrize(("written", "name", "local"), [
    ("Anna Müller/DE/Firma@FIRMA", "Anna Müller", "anna müller/de/firma"),
    ("CN=Anna Maria Weber/OU=DE/O=Firma GmbH@FIRMA", "Anna Maria Weber", "cn=anna maria weber/ou=de/o=firma gmbh"),
    ('"Anna W" CN=Anna Weber/O=Firma@FIRMA', "Anna W", "cn=anna weber/o=firma"),
    ("Anna Weber/Firma@FIRMA (Chefin)", "Chefin", "anna weber/firma"),
    ("Anna W <Anna Weber/Firma@FIRMA>", "Anna W", "anna weber/firma"),
    ("=?utf-8?Q?Anna_M=C3=BCller?=/Firma@FIRMA", "Anna Müller", "anna müller/firma"),
    ("=?utf-8?Q?Anna_=22?= Weber/Firma@FIRMA", 'Anna " Weber', r'anna \" weber/firma'),
])
def test_people_of_lotus_notes(written: str, name: str, local: str) -> None:
    """Their names are addresses with blanks in them. Before an address in brackets they are names."""
    found = (name, f'"{local}"@firma')
    assert headers.addresses(written.encode()) == [found]
    listed = headers.addresses(f"x@k, {written}, {written}; Anna <a@k>".encode())
    assert listed == [("", "x@k"), found, found, ("Anna", "a@k")]
    assert headers.addresses(f"{written.replace('<', '').replace('>', '')} <a@k>".encode())[0][1] == "a@k"


@pytest.mark.parametrize(("written", "name", "address"), [
    ("CN=Anna Weber/O=Firma@k.example", "Anna Weber", '"cn=anna weber/o=firma"@k.example'),
    ("Anna Weber/Firma%FIRMA@k.example", "Anna Weber", '"anna weber/firma%firma"@k.example'),
    ("Firma /G=Anna/S=Weber Maier/C=DE/@k.example", "Firma", '"/g=anna/s=weber maier/c=de/"@k.example'),
    ("Müller, Anna/Firma@FIRMA", "", "anna/firma@firma"), ("Anna A/B a@k.example", "Anna A/B", "a@k.example"),
    ("Anna A/B a@k", "Anna A/B", "a@k"),
])
def test_people_of_lotus_notes_and_x400_behind_a_gateway(written: str, name: str, address: str) -> None:
    """The domain is one of the Internet, and yet what stands before it has blanks."""
    assert headers.addresses(written.encode()) == [(name, address)]


@pytest.mark.parametrize(("written", "found"), [
    ("anna @ k.example", [("", "anna@k.example")]), ("anna@ k.example", [("", "anna@k.example")]),
    ("anna\r\n @k.example", [("", "anna@k.example")]), ("anna\xa0@\xa0k.example", [("", "anna@k.example")]),
    ("Anna Weber anna @ k.example", [("Anna Weber", "anna@k.example")]),
    ("anna @ k.example (Anna), b @ k.example", [("Anna", "anna@k.example"), ("", "b@k.example")]),
    ("anna(Weber)@k.example", [("Weber", "anna@k.example")]), ("anna@(x)k.example", [("x", "anna@k.example")]),
    ("anna @ [192.0.2.1]", [("", "anna@[192.0.2.1]")]),
    ("a @ k.example b @ k.example", [("", "a@k.example"), ("", "b@k.example")]),
    ("Chef @ Firma <a@k>", [("Chef @ Firma", "a@k")]), ("Chef @ Firma", []), ("Chef @ k.example a@k", None),
    ('"chef @ k.example"', []), ('"chef" @ k.example', []), ("(chef @ k.example)", []),
    ("=?utf-8?Q?chef_=40_k=2Eexample?=", []), ("=?utf-8?Q?chef?= @ k.example", []),
])
def test_blanks_and_comments_around_the_at(written: str, found: list[tuple[str, str]] | None) -> None:
    """They are no part of the address (RFC 5322 section 4.4); where there is another one it is a name."""
    assert headers.addresses(written.encode()) == (found or ([] if found == [] else [("Chef @ k.example", "a@k")]))


RUSSIAN = "Анна <a@k>"


@pytest.mark.parametrize(("raw", "charset", "found"), [
    (RUSSIAN.encode("koi8-r"), "koi8-r", [("Анна", "a@k")]), (RUSSIAN.encode(), "koi8-r", [("Анна", "a@k")]),
    (RUSSIAN.encode("koi8-r"), None, [("áÎÎÁ", "a@k")]), ("日本 <a@k>".encode("iso-2022-jp"), None, [("日本", "a@k")]),
])
def test_names_in_the_charset_of_the_message(raw: bytes, charset: str | None, found: list[tuple[str, str]]) -> None:
    """Old programs encode nothing, and escape sequences of ISO-2022-JP are what they are."""
    assert headers.addresses(raw, charset) == found


def test_a_field_is_read_again_only_where_that_tells_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice took a field of commas twice as long, and each field of UTF-8 that nobody encoded."""
    read: list[str] = []
    original = addresses.read

    def counted(line: str, most: int, at_first: bool) -> list[tuple[str, str]]:
        read.append(line)
        return original(line, most, at_first)

    monkeypatch.setattr(addresses, "read", counted)
    for raw in ("Jörg <j@k>".encode(), "Jörg <j@k>".encode("latin-1"), b"\xb1" + b",a" * 1000):
        read.clear()
        headers.addresses(raw, "iso-8859-2")
        assert len(read) == 1


@given(st.binary(max_size=60), st.sampled_from(["hz-gb-2312", "iso-2022-jp", "shift_jis", "gb18030", "utf-16"]))
@example(b"\xff ~{<a@k>~} <b@k>", "hz-gb-2312")
def test_no_charset_makes_another_sender(raw: bytes, charset: str) -> None:
    """What is signed and aligned is what is shown."""
    of_message, plain = headers.addresses(raw, charset), headers.addresses(raw)
    assert [address for _, address in of_message] == [address for _, address in plain]


@settings(max_examples=300)
@given(st.text("ab \\\"@", max_size=20))
def test_any_name_that_is_quoted_comes_back(name: str) -> None:
    """What a program quotes is what is shown, but for the white space and the quotes around it.

    Those that belong to others within stay: GmbH "Sonne".
    """
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    (shown, address), = headers.addresses(f'"{quoted}" <anna@firma.example>'.encode())
    bare = name.strip(' "')
    expected = name if bare.count('"') % 2 else bare
    assert (shown, address) == (" ".join(expected.split()), "anna@firma.example")


@pytest.mark.parametrize("written", [
    "anna@firma.example", "Anna Weber <Anna@Firma.example>", '"Weber, Anna" <anna@firma.example>',
    "=?utf-8?Q?M=C3=BCller?= <anna@firma.example>", '"=?utf-8?Q?M=C3=BCller?=" <anna@firma.example>',
    "<=?utf-8?Q?anna?=@firma.example>", '"a=b" <anna@firma.example>', "b@k.example <anna@firma.example>",
])  # fmt: skip
def test_an_address_is_read_alike_alone_in_a_list_and_beside_one_that_is_not_simple(written: str) -> None:
    alone = headers.addresses(written.encode())
    assert len(alone) == 1
    assert headers.addresses(f"{written}, {written}".encode()) == alone * 2
    assert headers.addresses(f"{written}, (c) <x@k.example>".encode())[:1] == alone
