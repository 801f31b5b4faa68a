"""A provider with habits of its own, in memory: Gmail that removes on STORE, Exchange whose numbers are wrong, iCloud.

Gmail's labels are mailboxes here that have one message under several UIDs and one X-GM-MSGID.
What it removes for good it tells at once (`on_removal`), so that a test can look whether it is archived by then.
"""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from imap_proxy import Wire

PLAIN = b"IMAP4rev1 LITERAL+ AUTH=PLAIN SASL-IR"
_MODERN = PLAIN + b" UIDPLUS MOVE UNSELECT"
GMAIL = _MODERN + b" X-GM-EXT-1 SPECIAL-USE"
TRASH, SPAM, ALL = b"[Gmail]/Trash", b"[Gmail]/Spam", b"[Gmail]/All Mail"
ATTRIBUTES = {TRASH: b"\\Trash", SPAM: b"\\Junk", ALL: b"\\All"}
DATE = b'INTERNALDATE "17-Jul-2026 02:44:25 +0200"'
_WORDS = re.compile(rb'"((?:[^"\\]|\\.)*)"|\(([^)]*)\)|([^\s()]+)')


@dataclass(slots=True)
class Provider:
    """Mailboxes of messages by UID. `script` is for `scripted_proxy`."""

    capabilities: bytes = _MODERN
    tells: bool = True  # its capabilities, with the answer to the log-in
    gmail: bool = False
    number_offset: int = 0  # Exchange: what FETCH answers is so much above the real number
    enables: frozenset[bytes] = frozenset()
    opens: bytes = b"[READ-WRITE] open"  # the answer to SELECT
    wordy: bytes = b""  # what stands in front of the UID where that is asked for
    withheld: frozenset[int] = frozenset()  # FETCH of these is answered OK and without a body
    anew: dict[int, bytes] = field(default_factory=dict)  # UID → message: what the open mailbox holds all at once
    renumbers: bool = False  # the first message goes, and EXPUNGE is said where a server must not
    between: Callable[[], object] | None = None  # called in the middle of each body
    boxes: dict[bytes, dict[int, bytes]] = field(default_factory=dict)
    flags: dict[int, set[bytes]] = field(default_factory=dict)
    heard: list[bytes] = field(default_factory=list)
    gone: list[bytes] = field(default_factory=list)
    on_removal: Callable[[bytes], None] = field(default=lambda octets: None)
    on_rename: Callable[[], object] | None = None
    unreadable: bytes = b""  # one more mailbox, which LIST tells as a literal
    replaced: list[bytes] = field(default_factory=list)
    rewrites: Callable[[bytes], bytes] = field(default=lambda octets: octets)  # Exchange: what becomes of an APPEND
    names: dict[int, int] = field(default_factory=dict)  # UID → X-GM-MSGID
    sizes: dict[int, int] = field(default_factory=dict)  # UID → RFC822.SIZE, where it is not the length
    next_uids: dict[bytes, int] = field(default_factory=dict)  # mailbox → UIDNEXT: see `uidnext`
    given_octets: int = 0  # of messages
    idling: list[tuple[bytes, Wire]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, name: bytes, octets: bytes, number: int = 0) -> int:
        """A message into a mailbox; its UID, which no other message of any mailbox has. `number`: X-GM-MSGID."""
        with self.lock:
            uid = self.uidnext(name)
            self.next_uids[name] = uid + 1
            self.boxes.setdefault(name, {})[uid] = octets
            self.flags[uid] = set()
            self.names[uid] = number or 1_278_455_344_230_334_000 + uid
            for wire in [wire for selected, wire in self.idling if selected == name]:
                wire.say(b"* %d EXISTS\r\n" % len(self.boxes[name]))
            return uid

    def uidnext(self, name: bytes) -> int:
        """The first mailbox begins at 101, the next at 1101: a UID says which message it is."""
        return self.next_uids.setdefault(name, 101 + 1000 * len(self.next_uids))

    def deliver(self, octets: bytes, *labels: bytes) -> int:
        """A message into All Mail and under labels, as Gmail does it; its X-GM-MSGID."""
        number = self.names[self.put(ALL, octets)]
        for label in labels:
            self.put(label, octets, number)
        return number

    def to_trash(self, number: int) -> None:
        """Somebody else deletes it: it is in the Trash, and under no label any more."""
        with self.lock:
            places = [(name, uid) for name, box in self.boxes.items() for uid in box if self.names[uid] == number]
            self.put(TRASH, self.boxes[places[0][0]][places[0][1]], number)
            for name, uid in places:
                del self.boxes[name][uid]

    def remove(self, name: bytes, uid: int) -> int:
        """Take a message out for good; the number that it had."""
        number = sorted(self.boxes[name]).index(uid) + 1
        octets = self.boxes[name].pop(uid)
        if not any(octets in box.values() for each, box in self.boxes.items() if each not in (TRASH, SPAM)):
            self.gone.append(octets)
            self.on_removal(octets)
        return number

    def script(self, wire: Wire) -> None:
        """One connection."""
        self._log_in(wire)
        selected = b""
        while line := wire.hear():
            tag, words = line.rstrip(b"\r\n").split(b" ", 1)
            self.heard.append(words)
            verb = words.split(b" ", 1)[0].upper()
            if verb == b"RENAME":
                words = self._in_one_line(wire, words)
            if verb in (b"SELECT", b"EXAMINE") and self._words(words)[1] in self.boxes:
                selected = self._words(words)[1]
                wire.say(b"* %d EXISTS\r\n* OK [UIDVALIDITY 9] x\r\n" % len(self.boxes[selected]))
                wire.say(b"* OK [UIDNEXT %d] x\r\n" % self.uidnext(selected))
                wire.say(tag + b" OK " + self.opens + b"\r\n")
                continue
            if verb in (b"SELECT", b"EXAMINE", b"DELETE", b"RENAME") and self._words(words)[1] not in self.boxes:
                wire.say(tag + b" NO there is none\r\n")
                continue
            if verb == b"IDLE":
                self._idle(wire, selected)
            if verb == b"APPEND":
                wire.say(tag + b" OK [APPENDUID 9 %d] done\r\n" % self._append(wire, words))
                continue
            for answer in self._answers(wire, words, selected):
                wire.say(answer)
            if verb in (b"CLOSE", b"UNSELECT"):
                selected = b""
            wire.say(tag + b" OK done\r\n")

    def _log_in(self, wire: Wire) -> None:
        wire.say(b"* OK [CAPABILITY " + PLAIN + b"] ready\r\n")
        while (line := wire.hear().rstrip(b"\r\n").split(b" "))[1].upper() == b"CAPABILITY":
            wire.say(b"* CAPABILITY " + PLAIN + b"\r\n" + line[0] + b" OK done\r\n")
        if line[1].upper() == b"AUTHENTICATE" and len(line) == 3:
            wire.say(b"+ \r\n")
            wire.hear()
        told = b"[CAPABILITY " + self.capabilities + b"] " if self.tells else b""
        wire.say(line[0] + b" OK " + told + b"in\r\n")

    def _idle(self, wire: Wire, selected: bytes) -> None:
        wire.say(b"+ idling\r\n")
        self.idling.append((selected, wire))
        try:
            wire.hear()
        finally:
            self.idling.remove((selected, wire))

    def _append(self, wire: Wire, words: bytes) -> int:
        octets = self._literal(wire, words)
        return self.put(self._words(words)[1], self.rewrites(octets))

    @staticmethod
    def _literal(wire: Wire, words: bytes) -> bytes:
        size = re.search(rb"\{(\d+)(\+?)\}\Z", words)
        assert size is not None
        if not size[2]:
            wire.say(b"+ go on\r\n")
        octets = wire.stream.read(int(size[1]))
        assert wire.hear() == b"\r\n"
        return octets

    @staticmethod
    def _in_one_line(wire: Wire, words: bytes) -> bytes:
        while (size := re.search(rb"\{(\d+)\}\Z", words)) is not None:
            wire.say(b"+ go on\r\n")
            words = words[: size.start()] + b'"%s"' % wire.stream.read(int(size[1])) + wire.hear().rstrip(b"\r\n")
        return words

    @staticmethod
    def _words(words: bytes) -> list[bytes]:
        """A separator behind a mailbox's name says nothing."""
        return [b"".join(found).rstrip(b"/") for found in _WORDS.findall(words)]

    def _answers(self, wire: Wire, words: bytes, selected: bytes) -> Iterator[bytes]:
        parts = self._words(words)
        by_uid = parts[0].upper() == b"UID"
        verb, arguments = (parts[1].upper(), parts[2:]) if by_uid else (parts[0].upper(), parts[1:])
        if self.anew and verb in (b"FETCH", b"SEARCH"):
            self.boxes[selected], self.anew = self.anew, {}
            yield b"* OK [UIDVALIDITY 10] made anew\r\n"
        if verb == b"ENABLE":
            yield b"".join(b"* ENABLED %s\r\n" % each for each in arguments if each in self.enables)
        elif verb == b"CAPABILITY":
            yield b"* CAPABILITY " + self.capabilities + b"\r\n"
        elif verb == b"SEARCH" and arguments[0].upper() == b"UID":
            yield b"* SEARCH" + b"".join(b" %d" % uid for uid in self._of(selected, arguments[1], True)) + b"\r\n"
        elif verb == b"SEARCH":
            found = [uid for uid in self.boxes[selected] if b"\\Deleted" in self.flags[uid]]
            yield b"* SEARCH" + b"".join(b" %d" % uid for uid in found) + b"\r\n"
        elif verb == b"FETCH":
            yield from self._fetch(self._of(selected, arguments[0], by_uid), words, selected)
        elif verb == b"STORE":
            yield from self._store(self._of(selected, arguments[0], by_uid), arguments[1:], selected)
        elif verb in (b"COPY", b"MOVE"):
            yield from self._copy(self._of(selected, arguments[0], by_uid), arguments[1], selected, verb == b"MOVE")
        elif verb in (b"EXPUNGE", b"CLOSE"):
            within = self._of(selected, arguments[0], True) if by_uid else list(self.boxes[selected])
            for uid in within:
                if b"\\Deleted" in self.flags[uid]:
                    said = b"* %d EXPUNGE\r\n" % self.remove(selected, uid)
                    yield b"" if verb == b"CLOSE" else said
        elif verb == b"LIST" and arguments[1].endswith(b"*"):
            if self.unreadable.startswith(arguments[1][:-1]) and self.unreadable:
                yield b'* LIST () "/" {%d}\r\n%s\r\n' % (len(self.unreadable), self.unreadable)
            for name in self.boxes:
                if not name.startswith(arguments[1][:-1]):
                    continue
                yield b'* LIST (%s) "/" "%s"\r\n' % (ATTRIBUTES.get(name, self._attributes(name)), name)
        elif verb == b"STATUS":
            facts = len(self.boxes[arguments[0]]), self.uidnext(arguments[0])
            yield b'* STATUS "%s" (MESSAGES %d UIDNEXT %d UIDVALIDITY 9)\r\n' % (arguments[0], *facts)
        elif verb == b"LIST" and arguments[-1] in self.boxes:
            yield b'* LIST (%s) "/" "%s"\r\n' % (self._attributes(arguments[-1]), arguments[-1])
        elif verb == b"LIST" and arguments[-1].endswith(b"/%"):
            for name in self._with_below(arguments[-1][:-2])[1:]:
                yield b'* LIST (%s) "/" "%s"\r\n' % (self._attributes(name), name)
        elif verb == b"RENAME":
            for name in self._with_below(arguments[0]):  # over what is there, which is lost
                new = arguments[1] + name[len(arguments[0]) :]
                for uid in list(self.boxes.get(new, {})):
                    self.remove(new, uid)
                self.boxes[new] = self.boxes.pop(name)
            if self.on_rename is not None:
                self.on_rename()
        elif verb == b"DELETE":
            for name in self._with_below(arguments[0]):
                for uid in list(self.boxes[name]):
                    self.remove(name, uid)
                del self.boxes[name]
        elif verb == b"REPLACE":
            yield from self._replace(wire, self._of(selected, arguments[0], by_uid), words, selected)

    def _fetch(self, uids: list[int], words: bytes, selected: bytes) -> Iterator[bytes]:
        whole, rfc822 = b"BODY.PEEK[]" in words.upper(), b"RFC822" in words.upper().split()
        for uid in uids:
            octets = self.boxes[selected][uid]
            head = b"* %d FETCH (UID %d" % (sorted(self.boxes[selected]).index(uid) + 1 + self.number_offset, uid)
            if b"X-GM-MSGID" in words.upper() and self.gmail:
                head += b" X-GM-MSGID %d" % self.names[uid]
            if self.wordy and words.endswith(b" (UID)"):
                yield head.replace(b"UID", self.wordy + b"UID") + b")\r\n"
                continue
            if not whole or rfc822 or uid in self.withheld:
                yield head + self._facts(uid, words, len(octets)) + b")\r\n"
                continue
            part = re.search(rb"<(\d+)\.(\d+)>", words)
            octets = octets[int(part[1]) :][: int(part[2])] if part else octets
            self.given_octets += len(octets)
            asked = b"<%s>" % part[1] if part else b""
            date = b" " + DATE if b"INTERNALDATE" in words else b""
            yield head + b" FLAGS ()%s BODY[]%s {%d}\r\n" % (date, asked, len(octets))
            yield octets[:7]
            if self.between is not None:
                self.between()
            yield octets[7:] + b")\r\n"
        if whole and self.renumbers:
            self.renumbers = False
            del self.boxes[selected][min(self.boxes[selected])]  # somebody else removed it
            yield b"* 1 EXPUNGE\r\n"

    def _facts(self, uid: int, words: bytes, length: int) -> bytes:
        said = b" RFC822.SIZE %d" % self.sizes.get(uid, length) if b"RFC822.SIZE" in words else b""
        if b"FLAGS" in words and b"BODY" not in words:
            said += b" FLAGS (" + b" ".join(sorted(self.flags[uid])) + b") " + DATE
        return said

    def _store(self, uids: list[int], arguments: list[bytes], selected: bytes) -> Iterator[bytes]:
        item, value = arguments[0].upper(), b" ".join(arguments[1:])
        for uid in uids:
            leaves = item == b"+X-GM-LABELS" and value in (b"\\Trash", b"\\Spam", b"\\Junk")
            if item.startswith((b"+FLAGS", b"FLAGS")) and b"\\Deleted" in value:
                self.flags[uid].add(b"\\Deleted")
                leaves = leaves or self.gmail  # "Auto-Expunge on": at once
            if leaves:
                yield b"* %d EXPUNGE\r\n" % self.remove(selected, uid)

    def _copy(self, uids: list[int], target: bytes, selected: bytes, moves: bool) -> Iterator[bytes]:
        for uid in uids:
            self.put(target, self.boxes[selected][uid], self.names[uid])
            if moves or (self.gmail and target in (TRASH, SPAM)):
                yield b"* %d EXPUNGE\r\n" % self.remove(selected, uid)

    def _replace(self, wire: Wire, uids: list[int], words: bytes, selected: bytes) -> Iterator[bytes]:
        octets = self._literal(wire, words)
        self.replaced.append(octets)
        uid = self.put(self._words(words)[3 if words.upper().startswith(b"UID") else 2], octets)
        yield b"* OK [APPENDUID 9 %d] replacement ready\r\n" % uid
        for old in uids:
            yield b"* %d EXPUNGE\r\n" % self.remove(selected, old)

    def _with_below(self, name: bytes) -> list[bytes]:
        """A mailbox, and what lies below it: a DELETE takes both, as at some providers."""
        return [name, *(each for each in self.boxes if each.startswith(name + b"/"))]

    def _attributes(self, name: bytes) -> bytes:
        return b"\\HasChildren" if len(self._with_below(name)) > 1 else b"\\HasNoChildren"

    def _of(self, name: bytes, numbers: bytes, by_uid: bool) -> list[int]:
        uids = sorted(self.boxes[name])
        known = uids if by_uid else list(range(1, len(uids) + 1))
        chosen: list[int] = []
        for word in numbers.split(b","):
            ends = [known[-1] if end == b"*" else int(end) for end in word.split(b":")] if known else [0]
            chosen += [each for each in known if min(ends) <= each <= max(ends)]
        return sorted(chosen if by_uid else [uids[each - 1] for each in chosen])
