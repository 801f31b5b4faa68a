"""The same session of a mail program twice, straight and through Postbuch, and what it left behind."""

import hashlib
import imaplib
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provider.dovecot import Dovecot
from provider.instance import DOMAIN, Postbuch
from provider.sink import Sink

# One run of a program: a log-in, five mailboxes, a handful of messages, on a busy machine.
PATIENCE_S = 90.0

_FIRST_ARRIVAL = 1_578_304_800  # 6 January 2020, 10:00 UTC
# What a program makes up anew each time: when it wrote the message, and its own number for it.
_MADE_UP = re.compile(
    rb"^(?:Date|Message-ID|User-Agent|X-TUID):[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)

# By which mbsync knows a message again that it has just written.
_MARK = re.compile(rb"^X-TUID: [^\n]*\n", re.MULTILINE)

SUBJECTS = ("Angebot", "Rechnung", "Lieferung", "Reklamation", "Urlaub")
# Mailbox → UID → (flags, subject, digest of the octets).
Mail = dict[str, dict[int, tuple[tuple[str, ...], str, str]]]


def message(number: int) -> bytes:
    """One of the messages that both accounts begin with."""
    subject = SUBJECTS[number % len(SUBJECTS)]
    body = "Grüße aus der Fertigung\r\n.\r\n".encode() * (1 + 400 * (number % 2))
    return (
        f"From: Anna <anna@{DOMAIN}>\r\nTo: Bernd <bernd@{DOMAIN}>\r\nSubject: {subject} {number}\r\n"
        f"Date: Mon, 6 Jan 2020 10:0{number}:00 +0000\r\nMessage-ID: <{number}@{DOMAIN}>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    ).encode() + body


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One way to the account. `ca_file` has the roots of both servers; `folder` is the program's own, empty."""

    name: str
    folder: Path
    user: str
    password: str
    imap_port: int
    smtp_port: int
    ca_file: Path
    dovecot: Dovecot
    sink: Sink

    def run(self, *words: str, given: bytes = b"", good: tuple[int, ...] = (0,), **environment: str) -> str:
        """Run a program in the folder; what it said. It sees nothing of the user's own settings."""
        done = subprocess.run(
            words, cwd=self.folder, env={**os.environ, "HOME": str(self.folder), "LC_ALL": "C.UTF-8", **environment},
            input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S,
        )  # fmt: skip
        said = done.stdout.decode(errors="replace")
        assert done.returncode in good, f"{words[0]} {self.name}: {done.returncode}\n{said[-3000:]}"
        return said

    def write(self, name: str, text: str) -> Path:
        """A file of settings, which some programs want to be private."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def files(self, name: str) -> dict[str, str]:
        """The messages of a Maildir tree that a program made: mailbox, subject and Maildir flags of each → digest."""
        found = {}
        for path in sorted((self.folder / name).rglob("*")):
            if path.is_file() and path.parent.name in ("cur", "new"):
                octets = path.read_bytes()
                flags = path.name.partition(":2,")[2]
                box = path.parent.parent.relative_to(self.folder)
                found[f"{box} {subject(octets)} [{flags}]"] = hashlib.sha256(_MARK.sub(b"", octets)).hexdigest()
        return found

    def talk(self) -> imaplib.IMAP4:
        """A connection to the account's real server, past Postbuch."""
        connection = imaplib.IMAP4("127.0.0.1", self.dovecot.imap_port, timeout=PATIENCE_S)
        connection.login(self.user, self.password)
        return connection

    def mail(self) -> Mail:
        """All that the server has now."""
        with self.talk() as server:
            lines = [line for line in server.list()[1] if isinstance(line, bytes)]
            boxes = sorted(line.rpartition(b' "/" ')[2].decode().strip('"') for line in lines)
            return {box: _messages(server, box) for box in boxes}

    def sent(self) -> list[tuple[str, list[str], str]]:
        """What was submitted by this account since the other side's turn: sender, recipients, digest."""
        mine = [each for each in self.sink.messages if each.user == self.user]
        return [(each.mail_from, each.recipients, digest(each.octets)) for each in mine]


@dataclass(frozen=True, slots=True, kw_only=True)
class BothSides:
    """Straight and through Postbuch."""

    straight: Side
    through: Side
    postbuch: Postbuch

    def compare(self, session: Callable[[Side], Any]) -> tuple[Any, Mail]:
        """Run a session on each side: its result, the mail on the server and what was sent must be the same."""
        results = []
        for side in (self.straight, self.through):
            side.sink.reset()
            try:
                result = session(side)
            except BaseException as error:
                error.add_note(f"in the session that goes {side.name}")
                raise
            results.append((result, side.mail(), side.sent()))
        for straight, through in zip(*results, strict=True):
            assert through == straight, _first_difference(straight, through)
        return results[0][0], results[0][1]


def make_sides(
    name: str, folder: Path, straight: Dovecot, upstream: Dovecot, sink: Sink, postbuch: Postbuch
) -> BothSides:
    """The account of a mail program on both servers, with five messages in INBOX and one in Archive."""
    user = f"{name}@{DOMAIN}"
    sides = []
    for way, dovecot, imap_port, smtp_port, roots in (
        ("straight", straight, straight.imaps_port, sink.smtps_port, [straight.ca_file, sink.ca_file]),
        ("through", upstream, postbuch.imap_port, postbuch.submission_port, [postbuch.ca_file]),
    ):
        own = folder / way
        own.mkdir()
        ca_file = folder / f"{way}.pem"
        ca_file.write_bytes(b"".join(root.read_bytes() for root in roots))
        dovecot.fill(user, "INBOX", [(message(n), _FIRST_ARRIVAL + n, "S" if n == 1 else "") for n in range(5)])
        dovecot.fill(user, "Archive", [(message(5), _FIRST_ARRIVAL, "FS")])
        sides.append(Side(
            name=way, folder=own, user=user, password=dovecot.users[user], imap_port=imap_port, smtp_port=smtp_port,
            ca_file=ca_file, dovecot=dovecot, sink=sink,
        ))  # fmt: skip
    return BothSides(straight=sides[0], through=sides[1], postbuch=postbuch)


def subject(octets: bytes) -> str:
    """A message's subject, to call it by."""
    found = re.search(rb"^Subject: ([^\r\n]*)", octets, re.MULTILINE)
    return found.group(1).decode() if found else ""


def digest(octets: bytes) -> str:
    """Of a message without what is made up anew each time."""
    return hashlib.sha256(_MADE_UP.sub(b"", octets)).hexdigest()[:16]


def _first_difference(straight: object, through: object) -> str:
    """Of two results, or in the place of a list where they part."""
    if isinstance(straight, list) and isinstance(through, list) and len(straight) == len(through):
        place = next(n for n, pair in enumerate(zip(straight, through, strict=True)) if pair[0] != pair[1])
        return f"at {place}: {_first_difference(straight[place], through[place])}"
    return f"straight {straight!r}\nthrough {through!r}"


def _messages(server: imaplib.IMAP4, box: str) -> dict[int, tuple[tuple[str, ...], str, str]]:
    server.select(f'"{box}"', readonly=True)
    found = {}
    for item in server.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")[1]:
        if isinstance(item, tuple):
            uid = int(re.search(rb"UID (\d+)", item[0])[1])  # type: ignore[index] # each answer has it
            flags = re.search(rb"FLAGS \(([^)]*)\)", item[0])[1].decode().split()  # type: ignore[index]
            kept = tuple(sorted(flag for flag in flags if flag != "\\Recent"))
            found[uid] = (kept, subject(item[1]), digest(item[1]))
    return found
