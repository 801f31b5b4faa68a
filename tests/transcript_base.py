"""Every command of RFC 3501 and RFC 9051, well and badly written, as scripts of one connection each."""

from transcript import Step, each, one, own, pipelined

USER, PASSWORD = b"anna@firma.example", b"geheim-anna"
LOGIN = b"LOGIN " + USER + b" " + PASSWORD

PLAIN = (
    b"From: Anna <anna@firma.example>\r\nTo: b@x.example\r\nSubject: Angebot 17\r\n"
    b"Date: Mon, 6 Jan 2020 10:00:00 +0100\r\nMessage-ID: <one@firma.example>\r\n\r\nGuten Tag\r\n"
)
# With lines that look like the end of an answer and of a message.
REPLY = (
    b"From: Bernd <b@x.example>\r\nTo: anna@firma.example\r\nSubject: Re: Angebot 17\r\n"
    b"Date: Tue, 7 Jan 2020 11:00:00 +0100\r\nMessage-ID: <two@x.example>\r\nIn-Reply-To: <one@firma.example>\r\n"
    b"References: <one@firma.example>\r\n\r\nDanke.\r\n.\r\nt3 OK nothing\r\n"
)
PARTS = (
    b"From: =?utf-8?q?J=C3=BCrgen?= <j@firma.example>\r\nTo: anna@firma.example, b@x.example\r\nCc: c@x.example\r\n"
    b"Subject: =?utf-8?b?w5xiZXJzaWNodA==?=\r\nDate: Wed, 8 Jan 2020 12:00:00 +0000\r\n"
    b"Message-ID: <three@firma.example>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\npreamble\r\n--b\r\n'
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Gr=C3=BC=C3=9Fe\r\n--b\r\n"
    b"Content-Type: application/octet-stream; name=a.bin\r\nContent-Disposition: attachment; filename=a.bin\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nAAECAwQFBgc=\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    + PLAIN + b"--b--\r\n"
)  # fmt: skip


def append(message: bytes,
*, box: bytes = b"INBOX", arguments: bytes = b'"06-Jan-2020 10:00:00 +0000" ', plus: bytes = b"") -> bytes:
    """APPEND with one message."""
    return b"APPEND %s %s{%d%s}\r\n%s" % (box, arguments, len(message), plus, message)


# Dovecot ends a connection after its third bad command before the log-in.
NOT_AUTHENTICATED = [
    *own(
        b"CAPABILITY", b"NOOP", b"ID NIL", b'ID ("name" "script")', b"SELECT INBOX", b'LIST "" *', b"CAPABILITY",
        b"LOGOUT",
    ),
]
CANCELLED = [
    Step(commands=(b"AUTHENTICATE PLAIN",), replies=(b"*",), own=True),
    Step(commands=(b"AUTHENTICATE LOGIN",), replies=(b"*",), own=True),
    *own(b"LOGOUT"),
]
LITERALS = [*each(b"LOGIN {18}\r\n" + USER + b" {11}\r\n" + PASSWORD, b"CAPABILITY", b"NOOP", b"LOGOUT")]

REFUSED_LOGIN = own(b"LOGIN " + USER + b" wrong", b"LOGOUT")

AUTHENTICATE = [
    one(b"AUTHENTICATE PLAIN", b"AGFubmFAZmlybWEuZXhhbXBsZQBnZWhlaW0tYW5uYQ=="),
    *each(b"NOOP", b"CAPABILITY", b"LOGOUT"),
]

SASL_IR = [*each(b"AUTHENTICATE PLAIN AGFubmFAZmlybWEuZXhhbXBsZQBnZWhlaW0tYW5uYQ==", b"LOGOUT")]

SASL_LOGIN = [one(b"AUTHENTICATE LOGIN", b"YW5uYUBmaXJtYS5leGFtcGxl", b"Z2VoZWltLWFubmE="), *each(b"LOGOUT")]

# Mailboxes: the authenticated state.
AUTHENTICATED = [
    *each(
        LOGIN, b"CAPABILITY", b"capability", b"NOOP", b"CAPABILITY nonsense", b"NOOP nonsense",
        b'CREATE Projekte', b'CREATE "Projekte/2026"', b"CREATE Projekte", b"CREATE {4}\r\nAlt1",
        b"CREATE {4+}\r\nAlt2",
        b'CREATE "a b \\"c\\\\"', b"CREATE B&APw-ro", b"CREATE", b'CREATE ""', b"CREATE a b", b"CREATE Pfad/",
        b'LIST "" *', b'LIST "" %', b'LIST "" ""', b'LIST Projekte/ *', b'LIST "" (', b"LIST", b'LIST "" {1}\r\n*',
        b'LIST {0}\r\n {1}\r\n%', b'LSUB "" *', b'LSUB "" %', b"LSUB", b"LSUB x",
        b"SUBSCRIBE Projekte", b"SUBSCRIBE nirgends", b"SUBSCRIBE", b'LSUB "" *', b"UNSUBSCRIBE Projekte",
        b"UNSUBSCRIBE nirgends", b"UNSUBSCRIBE", b'LSUB "" *',
        b"STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)", b"STATUS nirgends (MESSAGES)",
        b"STATUS INBOX (NONSENSE)", b"STATUS INBOX ()", b"STATUS INBOX", b"STATUS",
        b"LOGOUT",
    ),
]  # fmt: skip
AUTHENTICATED_TOO = [
    *each(
        LOGIN, b"NAMESPACE", b"NAMESPACE x", b"RENAME Alt1 Neu1", b"RENAME nirgends x", b"RENAME Neu1 Projekte",
        b"RENAME Neu1",
        b"RENAME {4}\r\nNeu1 {4}\r\nNeu2", b"DELETE Neu2", b"DELETE Neu2", b"DELETE", b"DELETE INBOX",
        b'DELETE "%"', b"DELETE {1+}\r\n*", b'RENAME "*" Neu3',
        b"DELETE kaputt&AP",
        b"DELETE {4+}\r\nAlt2",
        b'SELECT nirgends', b"EXAMINE nirgends", b"SELECT", b"EXAMINE", b"CHECK", b"EXPUNGE", b"CLOSE", b"UNSELECT",
        b"FETCH 1 FLAGS", b"UID FETCH 1 FLAGS", b"STORE 1 FLAGS ()", b"COPY 1 INBOX", b"MOVE 1 INBOX", b"SEARCH ALL",
        b"UID EXPUNGE 1", b"UID", b"UID NOOP", b"UID XYZZY 1", b"XYZZY", b"XYZZY a {3}\r\nabc", b"NOOP",
        b"DONE",
    ),
    *each(b"LOGOUT"),
]
APPENDING = [
    *each(LOGIN),
    *own(b"LOGIN a b", b"AUTHENTICATE PLAIN", b"STARTTLS", b"1", b"("),
    *each(
        b"NOOP", append(PLAIN), append(REPLY, arguments=b'(\\Seen) "07-Jan-2020 10:00:00 +0000" '),
        append(PARTS, plus=b"+"),
        append(PLAIN, arguments=b"(\\Flagged $Wort) "), append(PLAIN, arguments=b""), append(PLAIN, box=b"nirgends"),
        append(PLAIN, box=b"nirgends", plus=b"+"), append(PLAIN, box=b"{8}\r\nProjekte"),
        append(PLAIN, box=b'"Projekte/2026"'),
        append(PLAIN, arguments=b"(\\Nonsense) "), append(PLAIN, arguments=b'"no date" '), b"APPEND INBOX", b"APPEND",
        b"APPEND INBOX {0}\r\n", b"APPEND INBOX {0+}\r\n", b"APPEND INBOX x", b"APPEND INBOX (\\Seen",
        b"STATUS INBOX (MESSAGES UNSEEN)",
    ),
    pipelined(b"NOOP", b'LIST "" INBOX', b"STATUS INBOX (MESSAGES)", b"CAPABILITY", b"NOOP"),
    pipelined(append(PLAIN, box=b"Projekte", plus=b"+"), b"NOOP", b"STATUS {5+}\r\nDraft (MESSAGES)", any_order=True),
    *each(b"LOGOUT"),
]  # fmt: skip

# Messages: the selected state, reading.
READING = [
    *each(
        LOGIN, b"SELECT INBOX", b"NOOP", b"CHECK", b"CHECK x", b"FETCH 1:* FLAGS", b"FETCH 1:* (FLAGS UID)",
        b"FETCH 1 ALL",
        b"FETCH 1 FAST", b"FETCH 1:3 FULL", b"FETCH 3 BODY", b"FETCH 3 BODYSTRUCTURE", b"FETCH 3 ENVELOPE",
        b"FETCH 1 (INTERNALDATE RFC822.SIZE)", b"FETCH 1 BODY.PEEK[]", b"FETCH 2 BODY[]", b"FETCH 2 FLAGS",
        b"FETCH 3 BODY.PEEK[HEADER]", b"FETCH 3 BODY.PEEK[TEXT]", b"FETCH 3 BODY.PEEK[1]", b"FETCH 3 BODY.PEEK[1.MIME]",
        b"FETCH 3 BODY.PEEK[2]", b"FETCH 3 BODY.PEEK[3.HEADER]", b"FETCH 3 BODY.PEEK[3.TEXT]",
        b"FETCH 3 BODY.PEEK[3.1]",
        b"FETCH 3 BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)]", b"FETCH 3 BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT FROM)]",
        b"FETCH 1:3 (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)] FLAGS)", b"FETCH 3 BODY.PEEK[]<10.20>",
        b"FETCH 3 BODY.PEEK[]<100000.20>",
        b"FETCH 3 BODY.PEEK[TEXT]<0.5>", b"FETCH 3 BODY.PEEK[9]", b"FETCH 1 RFC822", b"FETCH 1 RFC822.HEADER",
        b"FETCH 1 RFC822.TEXT",
        b"FETCH 1:2 (BODY.PEEK[] BODY.PEEK[1] UID)", b"FETCH 99 FLAGS", b"FETCH 0 FLAGS", b"FETCH x FLAGS", b"FETCH 1",
        b"FETCH 1 NONSENSE", b"FETCH 1 (FLAGS", b"FETCH 1 BODY[",
        b"FETCH 1 BODY[HEADER.FIELDS (SUBJECT {4}\r\nFROM)]", b"FETCH",
        b"FETCH 4294967296 FLAGS", b"fetch 1 flags", b"UID FETCH 1:* FLAGS", b"UID FETCH 2 (FLAGS BODY.PEEK[TEXT])",
        b"UID FETCH 99 FLAGS", b"UID FETCH *:99 UID", b"UID FETCH", b"UID FETCH 1 NONSENSE", b"FETCH *:1 UID",
        b"FETCH 1,3,2 UID",
        b"LOGOUT",
    ),
]  # fmt: skip
SEARCHING = [
    *each(
        LOGIN, b"SELECT INBOX", b"SEARCH ALL", b"SEARCH UNSEEN", b"SEARCH SEEN RECENT",
        b"SEARCH ANSWERED DELETED DRAFT FLAGGED KEYWORD $Wort",
        b"SEARCH KEYWORD $Wort", b"SEARCH UNKEYWORD $Wort NEW", b"SEARCH OLD", b"SEARCH FROM Anna",
        b"SEARCH TO anna CC c@x",
        b"SEARCH BCC x", b"SEARCH SUBJECT Angebot", b"SEARCH BODY Guten", b"SEARCH TEXT \"Danke\"",
        b"SEARCH HEADER Message-ID two@",
        b"SEARCH BEFORE 7-Jan-2020", b"SEARCH ON 7-Jan-2020", b"SEARCH SINCE 7-Jan-2020",
        b"SEARCH SENTBEFORE 7-Jan-2020",
        b"SEARCH SENTON 7-Jan-2020", b"SEARCH SENTSINCE 8-Jan-2020", b"SEARCH LARGER 300", b"SEARCH SMALLER 300",
        b"SEARCH UID 2:3",
        b"SEARCH 1:2", b"SEARCH NOT SEEN OR FLAGGED SUBJECT Re", b"SEARCH (SEEN SUBJECT Re)",
        b"SEARCH CHARSET UTF-8 TEXT {7}\r\nGr\xc3\xbc\xc3\x9fe",
        b"SEARCH CHARSET UTF-8 SUBJECT {10+}\r\n\xc3\x9cbersicht", b"SEARCH CHARSET X-NONE TEXT a",
        b"SEARCH TEXT {5}\r\nGuten SEEN",
        b"SEARCH", b"SEARCH NONSENSE", b"SEARCH (ALL", b"SEARCH BEFORE nonsense", b"SEARCH LARGER x",
        b"UID SEARCH ALL", b"UID SEARCH UID 2",
        b"UID SEARCH NONSENSE", b"search all", b"STATUS INBOX (MESSAGES)", b'LIST "" INBOX', b"SELECT INBOX",
        b"SELECT nirgends", b"FETCH 1 UID",
        b"EXAMINE INBOX", b"FETCH 1 BODY[]", b"STORE 1 +FLAGS (\\Answered)", b"EXPUNGE", b"UID EXPUNGE 1", b"CLOSE",
        b"EXAMINE {5}\r\nINBOX",
        b"UNSELECT", b"UNSELECT", b'SELECT "inbox"', b"CLOSE",
    ),
    pipelined(b"SELECT INBOX", b"FETCH 1:* (UID FLAGS)", b"UID FETCH 3 BODY.PEEK[]", b"SEARCH ALL", b"NOOP",
    b"UNSELECT", any_order=True),
    pipelined(b"SEARCH TEXT {5+}\r\nGuten", b"FETCH 2 BODY.PEEK[]", b'LIST "" {1+}\r\n%', b"NOOP", any_order=True),
    *each(b"LOGOUT"),
]  # fmt: skip

# Messages: flags, copies, and everything that destroys.
CHANGING = [
    *each(
        LOGIN, b"SELECT INBOX", b"STORE 1 FLAGS (\\Seen)", b"STORE 1:2 +FLAGS (\\Flagged \\Answered)",
        b"STORE 1 -FLAGS (\\Flagged)",
        b"STORE 1 +FLAGS.SILENT (\\Draft)", b"STORE 1 -FLAGS.SILENT \\Draft", b"STORE 2 FLAGS.SILENT (\\Seen $Neu)",
        b"STORE 1 FLAGS ()",
        b"STORE 1 +FLAGS (\\Nonsense)", b"STORE 1 +FLAGS", b"STORE 1 NONSENSE (\\Seen)", b"STORE 99 +FLAGS (\\Seen)",
        b"STORE x FLAGS ()",
        b"STORE", b"UID STORE 1 +FLAGS (\\Seen)", b"UID STORE 99 +FLAGS (\\Seen)", b"UID STORE",
        b"UID STORE 1 FLAGS \\Seen $a $b", b"FETCH 1:* FLAGS",
        b"COPY 1:2 Projekte", b"COPY 1 nirgends", b"COPY 99 Projekte", b"COPY 1", b"COPY", b"UID COPY 2:3 Projekte",
        b"UID COPY 99 Projekte",
        b"UID COPY 1 {8}\r\nProjekte", b"UID COPY", b"STATUS Projekte (MESSAGES)", b"MOVE 1 Projekte",
        b"MOVE 1 nirgends", b"MOVE 99 Projekte", b"MOVE 1",
        b"UID MOVE 3 {8+}\r\nProjekte", b"UID MOVE 99 Projekte", b"UID MOVE", b"FETCH 1:* (UID FLAGS)",
        b"STORE 1 +FLAGS (\\Deleted)", b"SEARCH DELETED", b"EXPUNGE", b"EXPUNGE", b"EXPUNGE x",
        b"FETCH 1:* (UID FLAGS)",
        append(PLAIN), append(REPLY), append(PARTS), append(PLAIN), append(REPLY), append(PARTS),
        b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)", b"UID STORE 9:10 -FLAGS (\\Deleted)", b"UID EXPUNGE 1:8",
        b"UID EXPUNGE 99", b"UID EXPUNGE",
        b"UID EXPUNGE x", b"UID EXPUNGE 0", b"UID EXPUNGE 4294967296", b"STORE 0 +FLAGS (\\Deleted)",
        b"FETCH 1:* (UID FLAGS)", b"CLOSE", b"SELECT INBOX", b"FETCH 1:* (UID FLAGS)",
        b"STORE 1 +FLAGS.SILENT \\DELETED", b"UNSELECT",
        b"SELECT INBOX", b"SEARCH DELETED", b"CLOSE", b"SELECT Projekte", b"FETCH 1:* (UID FLAGS)",
        b"STORE 2,4 FLAGS.SILENT (\\Deleted)",
    ),
    pipelined(b"EXPUNGE", b"FETCH 1:* (UID FLAGS)", b"NOOP"),
    pipelined(b"UID STORE 1 +FLAGS (\\Deleted)", b"UID EXPUNGE 1", b"UID FETCH 1:* FLAGS", b"SEARCH ALL"),
    pipelined(b"STORE 1 +FLAGS (\\Deleted)", b"EXPUNGE", b"CLOSE"),
    *each(
        b"SELECT Projekte/2026", b"FETCH 1:* (UID FLAGS)", b"UNSELECT", b"RENAME Projekte Vorhaben", b'LIST "" Vor*',
        b"RENAME INBOX Eingang",
        b"STATUS INBOX (MESSAGES)", b"STATUS Eingang (MESSAGES UIDNEXT)", b"DELETE Vorhaben/2026",
        b"SELECT Vorhaben", b"DELETE Vorhaben",
    ),
]  # fmt: skip
RENAMED = [
    *each(
        LOGIN, b'LIST "" *',
        append(PLAIN), b"SELECT INBOX", b"STORE 1:* +FLAGS (\\Deleted)", b"SELECT Eingang",
        b"STORE 1 +FLAGS (\\Deleted)", b"SELECT INBOX", b"FETCH 1:* (UID FLAGS)",
        b"STORE 1 FLAGS (\\Deleted)", b"LOGOUT",
    ),
]  # fmt: skip

SCRIPTS: dict[str, list[Step]] = {
    "not authenticated": NOT_AUTHENTICATED, "cancelled": CANCELLED, "literals": LITERALS,
    "refused log-in": REFUSED_LOGIN, "AUTHENTICATE": AUTHENTICATE, "SASL-IR": SASL_IR,
    "AUTHENTICATE LOGIN": SASL_LOGIN, "authenticated": AUTHENTICATED, "authenticated, too": AUTHENTICATED_TOO,
    "appending": APPENDING, "selected, reading": READING, "selected, searching": SEARCHING,
    "selected, changing": CHANGING, "renamed": RENAMED,
}  # fmt: skip

# RFC 9051 section 6 and, for what it dropped (CHECK, LSUB), RFC 3501 section 6.
VERBS = frozenset(
    b"CAPABILITY NOOP LOGOUT STARTTLS AUTHENTICATE LOGIN ENABLE SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE"
    b" UNSUBSCRIBE LIST LSUB NAMESPACE STATUS APPEND IDLE CHECK CLOSE UNSELECT EXPUNGE SEARCH FETCH STORE COPY"
    b" MOVE UID".split()
)
