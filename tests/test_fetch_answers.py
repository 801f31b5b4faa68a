"""FETCH responses as servers write them, each in its own manner: read, and the message in them captured.

None of them is copied: they are put together from what the RFCs allow and what each server is known for.
"""

import pytest
from test_framing import chunks
from test_tap import captured

from postbuch.proxy import fetchdata

# What a message may hold to lead astray who does not count.
LETTER = b"Subject: x\r\n\r\n) {3}\r\n* 2 FETCH (UID 9 BODY[] y)\r\n"
WHOLE = b"BODY[] {%d}\r\n%s" % (len(LETTER), LETTER)
ANSWERS = {
    "Gmail, labels": (
        b'X-GM-THRID 1278455344230334865 X-GM-MSGID 1278455344230334866 X-GM-LABELS ("\\\\Inbox" Wichtig '
        b'"Sehr wichtig" "&AOQ-x [1]" "a \\"b\\"" "BODY[]") UID 7 RFC822.SIZE 31 '
        b'INTERNALDATE "17-Jul-2026 00:44:25 +0000" FLAGS (\\Seen $NotPhishing) %s'
    ),
    "Gmail, a label as a literal": b'X-GM-LABELS ({5}\r\na"b\\c) UID 7 %s',
    "Gmail, the body before the flags": b"UID 7 %s FLAGS (\\Seen)",
    "Exchange, the UID last": b"%s UID 7 FLAGS (\\Seen)",
    "Exchange, blanks": b"UID 7 FLAGS ( \\Seen)  %s ",
    "Exchange, a day of one digit": b'INTERNALDATE " 7-Jul-2026 00:44:25 +0000" RFC822.SIZE 31 %s UID 7',
    "Courier": b'UID 7 RFC822.SIZE 31 FLAGS (\\Seen) INTERNALDATE "17-Jul-2026 00:44:25 +0200" %s',
    "Cyrus, annotations": (
        b'FLAGS (\\Recent \\Seen NonJunk) UID 7 MODSEQ (12121231000) ANNOTATION (/comment (value.priv "a [b] (c" '
        b"value.shared NIL) /altsubject (value.priv {4}\r\nx) y)) %s"
    ),
    "Cyrus, ids": (
        b"UID 7 EMAILID (M6d99ac3275bb4e) THREADID (T64b478a75b7ea9) CID 64b478a75b7ea9 DIGEST.SHA1 0123abcd "
        b'SAVEDATE "17-Jul-2026 00:44:25 +0200" %s'
    ),
    "no thread": b"UID 7 THREADID NIL SAVEDATE NIL %s",
    "Dovecot, a preview": b'UID 7 MODSEQ (5) FLAGS () PREVIEW "a {3} [b" %s',
    "a preview as a literal": b'PREVIEW {4}\r\na"b) UID 7 %s',
    "a preview as a literal8": b'PREVIEW ~{4}\r\na"b) UID 7 %s',
    "an older preview": b'PREVIEW (FUZZY "a") UID 7 %s',
    "an envelope with a literal": (
        b'ENVELOPE ("Fri, 17 Jul 2026 00:44:25 +0200" {10}\r\nzwei "x" ) (("A [B] {3}" NIL "a" "b.example")) NIL NIL '
        b'NIL NIL NIL NIL "<1@b>") UID 7 %s'
    ),
    "an envelope of 8 bits": b'ENVELOPE (NIL "\xc3\xbc\xfc" NIL NIL NIL NIL NIL NIL NIL NIL) UID 7 %s',
    "an envelope with a lone backslash": b'ENVELOPE (NIL "a\\b" NIL NIL NIL NIL NIL NIL NIL NIL) UID 7 %s',
    "a structure with odd strings": (
        b'BODYSTRUCTURE (("TEXT" "PLAIN" ("CHARSET" "utf-8" "x[" "BODY[]") NIL NIL "7BIT" 3 1 NIL NIL NIL NIL)'
        b'("APPLICATION" "PDF" ("NAME" {8}\r\na"b].pdf) NIL NIL "BASE64" 3 NIL ("ATTACHMENT" ("FILENAME" "RFC822 {3}"))'
        b' NIL NIL) "MIXED" ("BOUNDARY" "=_(x)[") NIL NIL) UID 7 %s'
    ),
    "the short structure": b'BODY ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1) UID 7 %s',
    "fields of the header": b'UID 7 BODY[HEADER.FIELDS (SUBJECT "X-Y" Date)] {14}\r\nSubject: x\r\n\r\n %s',
    "fields in small letters": b"UID 7 BODY[header.fields (to)] {2}\r\n\r\n %s",
    "fields of a part": b"UID 7 BODY[1.HEADER.FIELDS.NOT (To cc)]<0> {2}\r\n\r\n %s",
    "parts": b'UID 7 BODY[1.2.MIME] NIL BODY[TEXT]<0> "abc" BINARY.SIZE[1] 5 BINARY[1] ~{2}\r\n\0a %s',
    "RFC822 and its parts": (
        b"RFC822.SIZE 31 RFC822.HEADER {14}\r\nSubject: x\r\n\r\n RFC822.TEXT {2}\r\n\r\n %s UID 7"
    ),
    "UW": b'FLAGS (\\Recent \\Seen) INTERNALDATE " 7-Jul-2026 00:44:25 +0200" RFC822.SIZE 31 %s UID 7',
    "a blank at the end": b"%s UID 7 FLAGS (\\Seen $Forwarded) ",
    "a word of its own": b'UID 7 X-MSG-ID "abc" X-RECORD ((a b) (c "d" (e))) FLAGS () %s',
    "iCloud": b"UID 7 FLAGS (\\Seen $MailFlagBit0 NotJunk) X-APPLE-REMOTE-LINKS (a) MODSEQ (8) %s",
    "flags as strings": b'%s UID 7 FLAGS (\\Seen "x y")',
    "no flags": b"UID 7 FLAGS NIL %s",
    "no blank": b"FLAGS (\\Seen)UID 7 %s",
}
HEADS = {"usual": b"* 1 FETCH (%s)\r\n", "two blanks": b"*  1  FETCH  (%s)\r\n"}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_servers_answer(name: str) -> None:
    """Whole, in small letters, and in pieces: the letter with its UID, and nothing else."""
    for head in HEADS.values():
        items, behind = (head % ANSWERS[name]).split(b"%s")
        small = items.lower() + WHOLE.replace(b"BODY[] {", b"body[] {") + behind.lower()
        for answer in (items + WHOLE + behind, small):
            for cuts in ([], list(range(0, len(answer), 7))):
                found, missed = captured(chunks(answer, cuts), {})
                assert [(each[0], each[1]) for each in found] == [(7, LETTER)] and missed == 0


@pytest.mark.parametrize("text", [
    b"* 1 FETCH (X-LABELS (BODY[] {3}\r\n) UID 7)\r\n", b"* 1 FETCH (UID 7 X (a (RFC822 {3}\r\n)))\r\n",
    b"* 1 FETCH (FLAGS (RFC822<0> {3}\r\n) UID 7 BODY[] {3}\r\n)\r\n",
])
def test_a_value_is_no_message(text: bytes) -> None:
    """A label of the user's choice, say: what stands in brackets is no item of the response."""
    assert fetchdata.parse(text) is None


PARTS = {
    "as long as was asked for": ({0: 4}, b"BODY[] {4}\r\nabcd"), "the last one": ({0: 4, 4: 4}, b"BODY[] {2}\r\nab"),
    "not the first": ({4: 4}, b"RFC822 {2}\r\nab"), "behind the end": ({100_000: 4}, b"BODY[] {0}\r\n"),
    "a string": ({4: 4}, b'BODY[] "ab"'), "of what nobody can read": ({fetchdata.UNREADABLE: 0}, b"BODY[] {2}\r\nab"),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_whose_begin_is_not_said(name: str) -> None:
    """Some servers leave out where it begins: it is no whole message, unless it is too long or too short for a part."""
    asked, answer = PARTS[name]
    assert captured([b"* 1 FETCH (UID 7 %s)\r\na OK done\r\n" % answer], asked) == ([], 1)


@pytest.mark.parametrize(("asked", "length"), [({0: 4}, 3), ({0: 4, 4: 4}, 5), ({}, 0), ({4: 2}, 3)])
def test_a_whole_message_among_parts(asked: dict[int, int], length: int) -> None:
    """Shorter than the first part would be, or longer than any."""
    found, missed = captured([b"* 1 FETCH (UID 7 BODY[] {%d}\r\n%s)\r\n" % (length, b"x" * length)], asked)
    assert [each[1] for each in found] == [b"x" * length] and missed == 0
