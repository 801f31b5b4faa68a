"""Random IMAP sessions from a seed: well and badly written commands, in each form that the grammar has for them."""

import random
from collections.abc import Callable, Sequence

from transcript import Step
from transcript_base import PARTS, PLAIN, REPLY

# What the clock of the server has made stands for itself in a command; `wire_side.py` puts it in.
UIDVALIDITY = b"<uidvalidity>"
MODSEQ = b"<modseq>"

_NESTED = (
    b"From: a@firma.example\r\nSubject: drei Teile\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/alternative; boundary=i\r\n"
    b"\r\n--i\r\n\r\nflach\r\n--i\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>Gr\xc3\xbc\xc3\x9fe</p>\r\n"
    b"--i--\r\n--o\r\nContent-Type: image/gif\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <bild@x>\r\n\r\n"
    b"R0lGODlhAQABAAAAACw=\r\n--o--\r\n"
)
MESSAGES: tuple[bytes, ...] = (
    PLAIN, REPLY, PARTS, _NESTED,
    b"Subject: nur ein Kopf\r\n\r\n",
    b"\r\nohne Kopf {7}\r\n) t1 OK\r\n",
    b"Subject: =?utf-8?q?kaputt=?=\r\nFrom: \"a \\\" b\" <x@y>, Gruppe: a@b, c@d;\r\nDate: gestern\r\n\r\n"
    + b"lang " * 300 + b"\r\n",
    b"Subject: roh \xe4\xf6\xfc\r\nTo: undisclosed-recipients:;\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n"
    b"\tcharset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nsch\xf6n\r\n",
)  # fmt: skip

# Dovecot makes the first two by itself when they are opened, also by the gate's look (docs/proxy.md).
_MADE_BY_OPENING = (b"Sent", b"Trash")
_BOXES = (*_MADE_BY_OPENING, b"INBOX", b"A", b"A/B", b"Z&APw-ge", b"mit Leer")
_ABSENT = (b"nirgends", b"A/nirgends", b"x&-y", b"kaputt&AP", b"", b"a//b", b"/a", b"%", b"Gr\xc3\xbcn", b"~x")
_FLAGS = (b"\\Seen", b"\\Flagged", b"\\Answered", b"\\Draft", b"\\Deleted", b"$Wort", b"Etwas", b"\\DELETED")
_SECTIONS = (
    b"", b"HEADER", b"TEXT", b"1", b"2", b"1.MIME", b"2.MIME", b"3.HEADER", b"3.TEXT", b"3.1", b"1.1", b"1.2", b"9",
    b"HEADER.FIELDS (Subject)", b"HEADER.FIELDS (FROM to X-None)", b"HEADER.FIELDS.NOT (Subject Received)",
    b'HEADER.FIELDS ("SUBJECT" Date)', b"3.HEADER.FIELDS (From)", b"1.HEADER", b"0", b"MIME", b"HEADER.FIELDS ()",
)  # fmt: skip
_ITEMS = (
    b"FLAGS", b"UID", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODYSTRUCTURE", b"BODY", b"RFC822",
    b"RFC822.HEADER", b"RFC822.TEXT", b"MODSEQ", b"PREVIEW", b"PREVIEW (LAZY)", b"SNIPPET", b"SAVEDATE",
    b"BINARY.SIZE[1]", b"BINARY.SIZE[2]", b"BINARY.PEEK[1]", b"BINARY.PEEK[2]<0.4>", b"BINARY[]", b"EMAILID", b"X-ITEM",
    b"BODY.PEEK[]", b"BODY[]", b"BODY.PEEK[]",
)  # fmt: skip
_STATUS = (b"MESSAGES", b"RECENT", b"UIDNEXT", b"UNSEEN", b"SIZE", b"HIGHESTMODSEQ", b"DELETED", b"NONSENSE")
_NOISE = b" ()\"\\[]<>*%{}$,:.+-~#&@019aZ\t\xc3"


class Sessions:
    """`steps(count)` gives a session's commands behind the log-in; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._plus_only = False
        self._kinds: list[tuple[int, Callable[[], bytes]]] = [
            (12, self._fetch), (8, self._store), (8, self._search), (3, self._sort), (2, self._thread),
            (5, self._append), (4, self._copy), (4, self._move), (5, self._expunge), (7, self._select),
            (2, self._close), (3, self._list), (2, self._status), (3, self._names), (3, self._small), (1, self._enable),
        ]  # fmt: skip

    def steps(self, count: int) -> list[Step]:
        """The commands, alone or several in one go."""
        made = [Step(commands=(b"ENABLE " + self._pick(b"CONDSTORE", b"QRESYNC"),))] if self._often(0.3) else []
        made.append(Step(commands=(b"SELECT INBOX",)))
        while len(made) < count:
            if self._often(0.12):
                made.append(Step(commands=self._several(), any_order=True))
            elif self._often(0.04):
                idle = self._case(b"IDLE")
                made.append(Step(commands=(idle,), replies=(self._case(b"DONE"),)) if self._often(0.5)
                            else Step(commands=(idle + b"\r\n" + self._case(b"DONE"),)))  # fmt: skip
            else:
                made.append(Step(commands=(self._command(),)))
        return made

    def _several(self) -> tuple[bytes, ...]:
        """Commands of which none depends on how soon another one is done (RFC 9051 section 5.5)."""
        self._plus_only = True
        openers = (self._select, self._expunge, self._move, self._close)
        first = [self._random.choice(openers)()] if self._often(0.5) else []
        readers = (self._look, self._look, self._search_only, self._list, self._small)
        found = [self._random.choice(readers)() for _ in range(self._random.randint(1, 4))]
        self._plus_only = False
        last = (self._append, self._copy, self._status, self._names, self._look, self._search_only)
        return (*first, *found) if first else (*found, self._random.choice(last)())

    def _look(self) -> bytes:
        items = (b"FLAGS", b"UID", b"RFC822.SIZE", b"BODY.PEEK[]", b"BODY.PEEK[1]", b"ENVELOPE", b"BODY[TEXT]<2.5>")
        return self._by_uid(b"FETCH") + b" " + self._set() + b" " + self._list_of(self._some(items, 3))

    def _search_only(self) -> bytes:
        return self._by_uid(b"SEARCH") + b" " + self._keys()

    def _command(self) -> bytes:
        weights = [weight for weight, _ in self._kinds]
        made = self._random.choices([kind for _, kind in self._kinds], weights)[0]()
        return self._spoilt(made) if self._often(0.08) else made

    # --- choosing -------------------------------------------------------------------------------------------------

    def _often(self, share: float) -> bool:
        return self._random.random() < share

    def _pick(self, *choices: bytes) -> bytes:
        return self._random.choice(choices)

    def _some(self, choices: Sequence[bytes], most: int) -> list[bytes]:
        return [self._random.choice(choices) for _ in range(self._random.randint(1, most))]

    def _spoilt(self, command: bytes) -> bytes:
        """One octet more, less or other than there should be; only where no literal can come about or be lost.

        Not where a mailbox would be opened by a name that cannot be read (docs/proxy.md).
        """
        if b"{" in command or b"\r" in command or command[:6].upper() in (b"SELECT", b"EXAMIN"):
            return command
        at = self._random.randrange(1, len(command) + 1)
        noise = bytes([self._random.choice(_NOISE)])
        rest = command[at + self._random.choice((0, 1)) :]
        spoilt = command[:at] + self._pick(b"", noise, noise + command[at - 1 : at]) + rest
        return command if spoilt.endswith(b"}") else spoilt

    def _case(self, words: bytes) -> bytes:
        """Commands and items in any case (RFC 9051 section 9)."""
        if self._often(0.7):
            return words
        if self._often(0.5):
            return words.lower()
        return b"".join(bytes([octet]).lower() if self._often(0.5) else bytes([octet]).upper() for octet in words)

    def _string(self, text: bytes) -> bytes:
        """A string in one of its forms."""
        atoms = 4 if text.replace(b"/", b"").isalnum() else 0
        form = self._pick(b"quoted", b"literal", b"plus", *[b"atom"] * atoms)
        if form == b"atom":
            return text
        if form == b"quoted" and not any(octet in text for octet in b"\r\n\0"):
            return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        plus = b"+" if form == b"plus" or self._plus_only else b""
        return b"{%d%s}\r\n%s" % (len(text), plus, text)

    def _box(self, absent: float = 0.12, boxes: Sequence[bytes] = _BOXES) -> bytes:
        name = self._pick(*_ABSENT) if self._often(absent) else self._pick(*boxes)
        if name.upper() == b"INBOX":
            name = self._case(name)
        return self._string(name)

    def _set(self) -> bytes:
        number = self._random.randint
        if self._often(0.06):
            return self._pick(b"0", b"99", b"x", b"1,,2", b"1:", b"4294967296", b"4294967295", b"*:0",
                              b"1-2", b"*:*", b"$", b"")
        parts = []
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            parts.append(self._pick(
                b"%d" % number(1, 9), b"%d:%d" % (number(1, 9), number(1, 9)), b"*", b"1:*", b"%d:*" % number(1, 14)
            ))  # fmt: skip
        return self._pick(*parts) if self._often(0.7) else b",".join(parts)

    def _by_uid(self, verb: bytes) -> bytes:
        return self._case((b"UID " if self._often(0.5) else b"") + verb)

    def _list_of(self, words: list[bytes]) -> bytes:
        return b"(" + b" ".join(words) + b")"

    # --- messages -------------------------------------------------------------------------------------------------

    def _item(self) -> bytes:
        if self._often(0.5):
            return self._case(self._pick(*_ITEMS))
        section = self._case(self._pick(*_SECTIONS))
        part = b"<%d.%d>" % (self._random.choice((0, 0, 5, 300, 9999)), self._random.choice((1, 20, 4000, 0)))
        body = self._case(self._pick(b"BODY", b"BODY.PEEK")) + b"[" + section + b"]"
        return body + part if self._often(0.25) else body

    def _fetch(self) -> bytes:
        items = [self._item() for _ in range(self._random.choice((1, 1, 2, 3)))]
        what = items[0] if len(items) == 1 and self._often(0.5) else self._list_of(items)
        if self._often(0.1):
            what = self._case(self._pick(b"ALL", b"FAST", b"FULL", b"()", b""))
        modifier = self._pick(
            b" (CHANGEDSINCE " + self._modseq() + b")", b" (CHANGEDSINCE " + self._modseq() + b" VANISHED)",
        ) if self._often(0.1) else b""  # fmt: skip
        return self._by_uid(b"FETCH") + b" " + self._set() + b" " + what + modifier

    def _modseq(self) -> bytes:
        return self._pick(b"1", b"1", MODSEQ, b"999999", b"0")

    def _flags(self) -> bytes:
        odd = (b"", b"\\Nonsense", b"\\Recent", b"a]b")
        return b" ".join(self._some(_FLAGS, 3)) if self._often(0.9) else self._pick(*odd)

    def _store(self) -> bytes:
        since = b" (UNCHANGEDSINCE " + self._modseq() + b")" if self._often(0.2) else b""
        flags = b"(" + self._flags() + b")" if self._often(0.8) else self._flags()
        item = self._pick(b"", b"+", b"+", b"-") + b"FLAGS" + self._pick(b"", b"", b".SILENT")
        return self._by_uid(b"STORE") + b" " + self._set() + since + b" " + self._case(item) + b" " + flags

    def _key(self, depth: int = 0) -> bytes:
        kind = self._random.randrange(12 if depth < 3 else 10)
        number = self._random.randint(0, 2000)
        if kind < 3:
            return self._case(self._pick(
                b"ALL", b"SEEN", b"UNSEEN", b"DELETED", b"UNDELETED", b"FLAGGED", b"NEW", b"OLD", b"RECENT", b"DRAFT",
                b"UNANSWERED", b"UNDRAFT", b"X-KEY", b"SAVEDATESUPPORTED",
            ))  # fmt: skip
        if kind < 5:
            field = self._pick(b"FROM", b"TO", b"CC", b"BCC", b"SUBJECT", b"BODY", b"TEXT", b"HEADER Message-ID")
            return self._case(field) + b" " + self._string(self._pick(b"Anna", b"Angebot", b"x.example", b"", b"a\"b"))
        if kind == 5:
            dates = (b"BEFORE", b"ON", b"SINCE", b"SENTBEFORE", b"SENTON", b"SENTSINCE", b"SAVEDBEFORE")
            date = self._pick(b"7-Jan-2020", b'"8-jan-2020"', b"31-Feb-2020", b"heute")
            return self._case(self._pick(*dates)) + b" " + date
        if kind == 6:
            return self._case(self._pick(b"LARGER", b"SMALLER", b"OLDER", b"YOUNGER")) + b" %d" % number
        if kind == 7:
            return self._case(self._pick(b"KEYWORD", b"UNKEYWORD")) + b" " + self._pick(b"$Wort", b"Etwas", b"(")
        if kind == 8:
            return self._case(b"UID") + b" " + self._set()
        if kind == 9:
            return self._set()
        if kind == 10:
            return self._case(b"OR") + b" " + self._key(depth + 1) + b" " + self._key(depth + 1)
        return self._pick(b"NOT ", b"not ") + self._key(depth + 1) if self._often(0.5) else \
            b"(" + self._key(depth + 1) + b" " + self._key(depth + 1) + b")"

    def _keys(self) -> bytes:
        return b" ".join(self._key() for _ in range(self._random.choice((1, 1, 2, 3))))

    def _returns(self) -> bytes:
        if self._often(0.6):
            return b""
        wanted = (b"MIN", b"MAX", b"COUNT", b"ALL", b"SAVE", b"SAVE", b"PARTIAL 1:3", b"RELEVANCY")
        return self._case(b" RETURN ") + self._case(self._list_of(self._some(wanted, 3)) if self._often(0.9) else b"()")

    def _search(self) -> bytes:
        charset = b" CHARSET " + self._pick(b"UTF-8", b"utf-8", b"US-ASCII", b"X-NONE") if self._often(0.15) else b""
        return self._by_uid(b"SEARCH") + self._returns() + charset + b" " + self._keys()

    def _sort(self) -> bytes:
        keys = (b"DATE", b"ARRIVAL", b"SUBJECT", b"FROM", b"SIZE", b"REVERSE DATE", b"DISPLAYFROM", b"TO", b"X-KEY")
        order = self._case(self._list_of(self._some(keys, 2)))
        return self._by_uid(b"SORT") + self._returns() + b" " + order + b" " + self._pick(b"UTF-8", b"us-ascii") \
            + b" " + self._keys()

    def _thread(self) -> bytes:
        how = self._case(self._pick(b"REFERENCES", b"REFS", b"ORDEREDSUBJECT", b"X-HOW"))
        return self._by_uid(b"THREAD") + b" " + how + b" UTF-8 " + self._keys()

    def _message(self) -> bytes:
        return self._pick(*MESSAGES).replace(b"Subject: ", b"Subject: %d " % self._random.randint(0, 9999), 1)

    def _append(self) -> bytes:
        made = self._case(b"APPEND") + b" " + self._box()
        if self._often(0.08) and not self._plus_only:
            # Not with `{n+}`: behind an argument that it does not like, Dovecot 2.3 runs the message's lines.
            return made + self._pick(b" (\\Nonsense)", b" (\\Recent)", b' "nie"', b" (a]b)", b" ()") + b" {2}\r\nxy"
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            message = self._message()
            flags = b" (" + b" ".join(self._some(_FLAGS, 3)) + b")" if self._often(0.5) else b""
            date = b' "' + self._pick(b"06-Jan-2020 10:00:00 +0000", b" 6-Jan-2020 10:00:00 -0930") + b'"'
            plus = b"+" if self._plus_only or self._often(0.4) else b""
            made += flags + (date if self._often(0.5) else b"") + self._pick(b" ", b" ", b" ", b" ~") \
                + b"{%d%s}\r\n%s" % (len(message), plus, message)
        return made

    def _copy(self) -> bytes:
        return self._by_uid(b"COPY") + b" " + self._set() + b" " + self._box()

    def _move(self) -> bytes:
        return self._by_uid(b"MOVE") + b" " + self._set() + b" " + self._box()

    def _expunge(self) -> bytes:
        return self._case(self._pick(b"EXPUNGE", b"EXPUNGE", b"UID EXPUNGE " + self._set()))

    # --- mailboxes ------------------------------------------------------------------------------------------------

    def _select(self) -> bytes:
        verb = self._case(self._pick(b"SELECT", b"SELECT", b"SELECT", b"EXAMINE"))
        known = UIDVALIDITY + b" " + self._modseq()
        how = b" (" + self._pick(
            b"CONDSTORE", b"QRESYNC (" + known + b")", b"QRESYNC (" + known + b" 1:20)", b"QRESYNC (1 1)",
            b"QRESYNC (" + known + b" 1:20 (1,3 1,3))", b"X-HOW",
        ) + b")" if self._often(0.25) else b""  # fmt: skip
        return verb + b" " + (self._string(b"INBOX") if self._often(0.5) else self._box()) + how

    def _close(self) -> bytes:
        return self._case(self._pick(b"CLOSE", b"UNSELECT"))

    def _list(self) -> bytes:
        verb = self._case(self._pick(b"LIST", b"LIST", b"LSUB"))
        patterns = (b"*", b"%", b'"*"', b"A/%", b'"I*"', b"{1+}\r\n*", b"inbox", b'""', b"(A INBOX)", b"nirgends*")
        choosing = b" " + self._case(self._pick(
            b"(SUBSCRIBED)", b"(SPECIAL-USE)", b"(RECURSIVEMATCH)", b"()", b"(X-A)", b"(SUBSCRIBED RECURSIVEMATCH)",
        )) if self._often(0.25) else b""  # fmt: skip
        returns = b" RETURN " + self._pick(
            b"(CHILDREN)", b"(SUBSCRIBED SPECIAL-USE)", b"(STATUS (MESSAGES UNSEEN))", b"(STATUS (SIZE UIDNEXT))",
            b"()", b"(X-A)",
        ) if self._often(0.25) else b""  # fmt: skip
        reference = self._pick(b'""', b'""', b"A/", b"{0+}\r\n")
        return verb + choosing + b" " + reference + b" " + self._pick(*patterns) + self._case(returns)

    def _status(self) -> bytes:
        return self._case(b"STATUS") + b" " + self._box() + b" " + self._case(self._list_of(self._some(_STATUS, 4)))

    def _names(self) -> bytes:
        verb = self._pick(b"CREATE", b"CREATE", b"DELETE", b"RENAME", b"SUBSCRIBE", b"UNSUBSCRIBE")
        made = self._case(verb) + b" " + (self._string(self._pick(b"N1", b"N2", b"A/N3", b"N1/x")) if self._often(0.7)
                                          else self._box(0.3, _BOXES[len(_MADE_BY_OPENING):]))  # fmt: skip
        if verb == b"RENAME":
            made += b" " + (self._string(self._pick(b"N2", b"N4", b"A/N5")) if self._often(0.8) else self._box(0.3))
        if verb == b"CREATE" and self._often(0.1):
            made += self._pick(b" (USE (\\Archive))", b" (USE (\\X))", b" x")
        return made

    def _small(self) -> bytes:
        return self._case(self._pick(
            b"NOOP", b"CHECK", b"CAPABILITY", b"NAMESPACE", b"ID NIL", b'ID ("name" "x")', b"GETQUOTAROOT INBOX",
            b"XYZZY", b"XYZZY 1 2", b"UID", b"UID XYZZY 1", b"NOOP x", b"CHECK ", b"GETACL INBOX", b"MYRIGHTS A",
            b"FETCH", b"STORE 1", b"EXPUNGE 1", b"X", b"UID NOOP", b"CANCELUPDATE \"x\"", b"DONE", b"COMPARATOR",
            b"GETMETADATA INBOX /private/comment", b"NOOP  ", b"SEARCH", b"UID FETCH 1", b"UID  FETCH 1 FLAGS",
            b"-", b"NOOP()",
        ))  # fmt: skip

    def _enable(self) -> bytes:
        wanted = self._pick(b"CONDSTORE", b"QRESYNC", b"X-NONE", b"CONDSTORE QRESYNC", b"")
        return self._case(b"ENABLE ") + self._case(wanted)
