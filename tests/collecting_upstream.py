"""An upstream that misbehaves as told: one mailbox in memory, one thread a connection, real sockets."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from provider.ports import free_port


class Hangup(Exception):
    """Close the connection now."""


@dataclass(slots=True)
class Upstream:
    """What a test changes between runs, and while one goes on. `say` may replace any answer or raise Hangup."""

    port: int
    messages: dict[int, bytes] = field(default_factory=dict)
    uidvalidity: int = 1000
    uidnext: int = 0
    counted: int | None = None  # how many messages it claims to have
    unlisted: frozenset[int] = frozenset()  # left out by SEARCH
    withheld: frozenset[int] = frozenset()  # left out by FETCH
    without_uid: bool = False
    claim: int | None = None  # RFC822.SIZE, whatever the size
    cap_octets: int = 0  # what it gives of a message at once, if it is asked for more
    empty: frozenset[int] = frozenset()  # their body is said to be there, and is empty
    limit: int = 0  # MESSAGELIMIT
    capabilities: bytes = b"IMAP4rev1"
    mechanisms: bytes = b" AUTH=PLAIN"
    number_offset: int = 0  # Exchange: FETCH answers with sequence numbers that are so much too high
    bodiless: frozenset[int] = frozenset()  # iCloud: FETCH is answered, with everything but the literal
    answer: Callable[[bytes], bytes | None] = field(default=lambda command: None)
    commands: list[bytes] = field(default_factory=list)
    connections: int = 0
    code: bytes = b""  # of the next answer
    hang_up_next: bool = False  # after the answer that is being given

    @property
    def exists(self) -> int:
        return len(self.messages) if self.counted is None else self.counted

    @property
    def next_uid(self) -> int:
        return self.uidnext or max(self.messages, default=0) + 1

    def serve(self, conn: socket.socket) -> None:
        """One connection, until it is closed."""
        with conn, conn.makefile("rb") as lines, contextlib.suppress(Hangup, OSError):
            self.connections += 1
            conn.sendall(b"* OK [CAPABILITY " + self.capabilities + self.mechanisms + b"] ready\r\n")
            while line := lines.readline():
                tag, _, command = line.rstrip(b"\r\n").partition(b" ")
                self.commands.append(command)
                if command.startswith(b"AUTHENTICATE"):
                    conn.sendall(b"+ \r\n")
                    lines.readline()
                size = re.fullmatch(rb"LOGIN .*\{(\d+)\}", command)
                if size is not None:
                    conn.sendall(b"+ \r\n")
                    command = self.commands[-1] = command + b" " + lines.read(int(size[1]))
                    lines.readline()
                special = self.answer(command)
                if special is not None:
                    conn.sendall(special.replace(b"TAG", tag))
                    if self.hang_up_next:
                        self.hang_up_next = False
                        raise Hangup
                    continue
                for piece in self._said(command):
                    conn.sendall(piece)
                code, self.code = self.code, b""
                conn.sendall(tag + b" OK " + code + b"done\r\n")
                if command == b"LOGOUT":
                    return

    def _said(self, command: bytes) -> Iterator[bytes]:
        if command == b"CAPABILITY":
            yield b"* CAPABILITY " + self.capabilities + self.mechanisms + b"\r\n"
        elif command.startswith(b"LIST"):
            yield b'* LIST () "/" INBOX\r\n'
        elif command.startswith(b"STATUS"):
            yield b"* STATUS INBOX (MESSAGES %d UIDNEXT %d UIDVALIDITY %d)\r\n" % (
                self.exists, self.next_uid, self.uidvalidity,
            )  # fmt: skip
        elif command.startswith(b"EXAMINE"):
            yield b"* %d EXISTS\r\n* OK [UIDVALIDITY %d] x\r\n* OK [UIDNEXT %d] x\r\n" % (
                self.exists, self.uidvalidity, self.next_uid,
            )  # fmt: skip
        elif command.startswith(b"UID SEARCH"):
            listed = [uid for uid in self._limited(self._wanted(command.split()[-1])) if uid not in self.unlisted]
            yield b"* SEARCH " + b" ".join(b"%d" % uid for uid in listed) + b"\r\n"
        elif command.startswith((b"UID FETCH", b"FETCH")):
            yield from self._fetched(command)

    def _fetched(self, command: bytes) -> Iterator[bytes]:
        words = command.split(b" ", 3) if command.startswith(b"UID") else [b"", *command.split(b" ", 2)]
        uids = sorted(self.messages)
        by_number = not command.startswith(b"UID")
        wanted = [uids[number - 1] for number in self._span(words[2], len(uids))] if by_number else (
            self._wanted(words[2])
        )
        for uid in self._limited(wanted):
            if uid in self.withheld:
                continue
            number = uids.index(uid) + 1 + self.number_offset
            head = b"* %d FETCH (" % number + (b"" if self.without_uid else b"UID %d " % uid)
            octets = self.messages[uid]
            size = len(octets) if self.claim is None else self.claim
            part = re.search(rb"<(\d+)\.(\d+)>", words[3])
            if part is None:
                yield head + b"RFC822.SIZE %d)\r\n" % size
                continue
            if uid in self.bodiless:
                yield head + b'FLAGS () INTERNALDATE "17-Jul-2026 02:44:25 +0200")\r\n'
                continue
            start, length = int(part[1]), int(part[2])
            piece = b"" if uid in self.empty else octets[start : start + min(length, self.cap_octets or length)]
            head += b"RFC822.SIZE %d " % size if b"RFC822.SIZE" in words[3] else b""
            yield head + b'FLAGS () INTERNALDATE "17-Jul-2026 02:44:25 +0200" BODY[]<%d> {%d}\r\n' % (
                start, len(piece),
            )  # fmt: skip
            yield piece + b")\r\n"

    def _limited(self, wanted: list[int]) -> list[int]:
        if self.limit and len(wanted) > self.limit:
            wanted = wanted[-self.limit :]
            self.code = b"[MESSAGELIMIT %d %d] " % (self.limit, wanted[0])
        return wanted

    def _wanted(self, text: bytes) -> list[int]:
        uids = sorted(self.messages)
        found = {uid for uid in uids for first, last in self._spans(text, max(uids, default=0)) if first <= uid <= last}
        return sorted(found)

    def _span(self, text: bytes, top: int) -> list[int]:
        return [n for n in range(1, top + 1) for first, last in self._spans(text, top) if first <= n <= last]

    def _spans(self, text: bytes, top: int) -> list[tuple[int, int]]:
        found = []
        for word in text.split(b","):
            first, _, last = word.partition(b":")
            ends = sorted(top if end == b"*" else int(end) for end in (first, last or first))
            found.append((ends[0], ends[1]))
        return found


@contextlib.contextmanager
def upstream() -> Iterator[Upstream]:
    """One that serves on a loopback port until the end of the block."""
    made = Upstream(free_port())
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", made.port)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    conn, _ = listener.accept()
                    threads.append(threading.Thread(target=made.serve, args=(conn,)))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield made
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(30)
            for thread in threads:
                thread.join(30)
