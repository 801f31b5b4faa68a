"""One connection of the collector to upstream. The home of imapclient: its errors become UpstreamTrouble here.

Reads only: mailboxes are opened by EXAMINE, messages with BODY.PEEK. Every method blocks, for at most READ_TIMEOUT_S
without an octet; one thread at a time. After UpstreamTrouble that is not `refused` the connection is no use.
"""

import contextlib
import imaplib
import logging
import re
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Protocol

import imapclient

from postbuch.archive import said
from postbuch.archive.collect_answers import (
    PART_OCTETS,
    Described,
    Fetched,
    described,
    extended,
    fetch_answers,
    fetched,
    flags,
    listed,
    standing,
    statuses,
    text,
)
from postbuch.archive.collect_backoff import Trouble
from postbuch.archive.collect_plan import BATCH_MESSAGES, Listed, Standing, window_starts, windows
from postbuch.archive.endpoint import Endpoint
from postbuch.archive.errors import PostbuchError
from postbuch.archive.reasons import Collecting
from postbuch.archive.uidset import LARGEST, UidSet

CONNECT_TIMEOUT_S = 15.0
# Some servers search a large mailbox for a minute before they say a word.
READ_TIMEOUT_S = 120.0
# 48 MiB: no answer to one command is larger, unless sizes are not what upstream said they were.
ANSWER_OCTETS = 50_331_648
# imaplib's own line limit is 1,000,000; most servers take commands of 8,192 (RFC 7162 section 4).
SET_OCTETS = 7000

_LIMITS = re.compile(r"\[(OVERQUOTA|LIMIT|INUSE|UNAVAILABLE|THROTTLED)\]|too many|bandwidth|rate.?limit|throttl", re.I)
_QUIET = re.compile(rb"\* OK\b(?! \[ALERT)", re.I)

# It logs what it sends.
logging.getLogger("imapclient").setLevel(logging.WARNING)


class LogIn(Protocol):
    """What is needed to log in to upstream; `authorize_as` is the mailbox when `user` may open those of others."""

    @property
    def user(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def authorize_as(self) -> str | None: ...


class UpstreamTrouble(PostbuchError):
    """Upstream did not do what it was asked. `refused`: it said NO, and the connection is as good as before."""

    temporary = True

    def __init__(self, trouble: Trouble, sentence: str, *, refused: bool = False) -> None:
        super().__init__(sentence)
        self.trouble = trouble
        self.refused = refused


class Session:
    """Logged in when it is made. `close` it. Raises UpstreamTrouble, from every method."""

    def __init__(self, endpoint: Endpoint, trust: ssl.SSLContext | None, login: LogIn) -> None:
        self.host = endpoint.host
        self.name = f"collector-{secrets.token_hex(4)}"
        self.octets_received = 0
        self._left = ANSWER_OCTETS
        self._idling = False
        with self._translated(Collecting.DOING_CONNECT.said()):
            self._client = imapclient.IMAPClient(
                endpoint.host, endpoint.port, ssl=endpoint.scheme == "imaps", ssl_context=trust,
                timeout=imapclient.SocketTimeout(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            )  # fmt: skip
        self._client.folder_encode = False
        # imaplib has no other way to say what a server sent, and imapclient none to get at it unparsed.
        self._imap: Any = self._client._imap
        self._imap.debug = 0  # imapclient sets 5: each line would be formatted for a log that nobody keeps
        self._count_octets()
        try:
            self._log_in(login)
        except BaseException:
            self.close()
            raise

    def _log_in(self, login: LogIn) -> None:
        try:
            with self._translated(Collecting.DOING_LOG_IN.said()):
                # LOGIN is for servers that know nothing else; it cannot say whose mailbox a master user wants.
                if login.authorize_as is None and b"AUTH=PLAIN" not in self._client.capabilities():
                    self._log_in_by_login(login)
                else:
                    self._client.plain_login(login.user, login.password, login.authorize_as)
                self._capabilities = frozenset(word.upper() for word in self._client.capabilities())
                self._identity = " X-GM-MSGID" if b"X-GM-EXT-1" in self._capabilities else ""
        except UpstreamTrouble as error:
            if not error.refused or error.trouble is Trouble.LIMIT:
                raise
            # Some servers repeat the line that they do not like, and this sentence is kept.
            raise UpstreamTrouble(Trouble.LOGIN, said.without(said.of(error), login.password)) from None

    def _log_in_by_login(self, login: LogIn) -> None:
        """LOGIN with the password as a literal, which may hold anything (RFC 9051 section 6.2.3)."""
        self._imap.literal = login.password.encode()
        kind, data = self._imap._simple_command("LOGIN", self._imap._quote(login.user))
        if kind != "OK":
            raise imaplib.IMAP4.error(text(data[-1]))
        self._imap.state = "AUTH"

    def _count_octets(self) -> None:
        read, readline = self._imap.read, self._imap.readline

        def counted(data: bytes) -> bytes:
            self.octets_received += len(data)
            return data

        def read_literal(size: int) -> bytes:
            self._left -= size
            if self._left < 0:
                raise imaplib.IMAP4.abort("sends messages larger than it says they are")
            return counted(read(size))

        self._imap.read = read_literal
        self._imap.readline = lambda: counted(readline())

    def close(self) -> None:
        """Without LOGOUT when upstream does not answer. Does not raise, does not wait."""
        with contextlib.suppress(OSError, imaplib.IMAP4.error, AttributeError):
            self._client.socket().settimeout(1.0)
            if not self._idling:
                self._imap.send(b"bye LOGOUT\r\n")
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self._client.shutdown()

    def cut(self) -> None:
        """Have the thread that waits for upstream fail at once. From any thread."""
        with contextlib.suppress(OSError, AttributeError):
            self._client.socket().shutdown(socket.SHUT_RDWR)

    def has(self, capability: bytes) -> bool:
        """Whether upstream announced it after the log-in."""
        return capability in self._capabilities

    # --- mailboxes -----------------------------------------------------------------------------------------------

    def mailboxes(self) -> tuple[list[Listed], dict[bytes, Standing]]:
        """Every mailbox, and the standing of those that upstream told at once (RFC 5819)."""
        wanted = []
        if self.has(b"SPECIAL-USE") and self.has(b"LIST-EXTENDED"):
            wanted.append("SPECIAL-USE")
        if self.has(b"LIST-STATUS"):
            wanted.append("STATUS (MESSAGES UIDNEXT UIDVALIDITY)")
        words = ['""', '"*"', *([f"RETURN ({' '.join(wanted)})"] if wanted else [])]
        with self._translated("LIST"):
            data = self._ask("LIST", "LIST", *words)
            told = self._imap.response("STATUS")[1]
            found = {one.name: one for one in map(listed, self._client._proc_folder_list(data))}
            return list(found.values()), dict(statuses(told))

    def standing(self, name: bytes) -> Standing | None:
        """STATUS of one mailbox; None when upstream gives no UIDVALIDITY. Raises `refused` when it is not there."""
        with self._translated("STATUS"):
            found = self._client.folder_status(name, ["MESSAGES", "UIDNEXT", "UIDVALIDITY"])
        return standing(found)

    def examine(self, name: bytes) -> Standing | None:
        """Open the mailbox for reading; None when upstream gives no UIDVALIDITY."""
        with self._translated("EXAMINE"):
            found = self._client.select_folder(name, readonly=True)
        return standing({**found, b"MESSAGES": found.get(b"EXISTS", 0)})

    # --- the open mailbox ----------------------------------------------------------------------------------------

    def uids(self, messages: int, first: int = 1) -> UidSet:
        """The UIDs from `first` on; `messages` says how many windows that takes."""
        starts: list[int] = []
        if first == 1 and (numbers := window_starts(messages)):
            found = self._fetch(",".join(map(str, numbers)), "(UID)", by_uid=False)
            starts = [facts[b"UID"] for facts in found if b"UID" in facts]
        spans: list[tuple[int, int]] = []
        for start, end in windows(first, starts):
            spans += self._search(start, end).spans()
        # `n:*` is never empty: it is the last message when n is behind it (RFC 9051 section 9, seq-range).
        return UidSet(spans).without(UidSet([(1, first - 1)] if first > 1 else []))

    def _search(self, first: int, last: int) -> UidSet:
        text = f"{first}:{'*' if last == LARGEST else last}"
        with self._translated("SEARCH"):
            if self.has(b"ESEARCH"):
                self._imap.response("ESEARCH")
                self._ask("UID", "SEARCH", "SEARCH", "RETURN", "(ALL)", "UID", text)
                return extended(self._imap.response("ESEARCH")[1])
            found: list[int] = []
            for line in self._ask("UID", "SEARCH", "SEARCH", "UID", text):
                found += map(int, (line or b"").partition(b"(")[0].split())
        return UidSet.of(sorted(number for number in found if 0 < number <= LARGEST))

    def uids_by_number(self, messages: int) -> UidSet:
        """The UIDs as FETCH tells them: for an upstream whose SEARCH does not list what it counts."""
        found: set[int] = set()
        for start in range(1, messages + 1, BATCH_MESSAGES * 10):
            answers = self._fetch(f"{start}:{min(start + BATCH_MESSAGES * 10 - 1, messages)}", "(UID)", by_uid=False)
            found.update(facts[b"UID"] for facts in answers if b"UID" in facts)
        return UidSet.of(sorted(found))

    def described(self, uids: UidSet) -> dict[int, Described]:
        """UID → length and identity as upstream says them, newest first; also for UIDs of which it says nothing."""
        found = dict.fromkeys(reversed(list(uids)), Described())
        for facts in self._facts(uids, f"(UID RFC822.SIZE{self._identity})"):
            found[facts[b"UID"]] = described(facts)
        return found

    def flags(self, uids: UidSet) -> dict[int, tuple[tuple[str, ...], datetime | None]]:
        """UID → flags and INTERNALDATE, of those that are there."""
        return {
            facts[b"UID"]: (flags(facts), facts.get(b"INTERNALDATE"))
            for facts in self._facts(uids, "(UID FLAGS INTERNALDATE)")
        }

    def _facts(self, uids: UidSet, items: str) -> Iterator[dict[bytes, Any]]:
        for line in uids.wires(SET_OCTETS):
            yield from (each for each in self._fetch(line.decode(), items) if each.get(b"UID", 0) in uids)

    def messages(self, uids: list[int]) -> Iterator[Fetched]:
        """What upstream gives of the messages, in any order; some may be missing. At most PART_OCTETS of each."""
        line = UidSet.of(sorted(uids)).wire().decode()
        items = f"(UID FLAGS INTERNALDATE{self._identity} BODY.PEEK[]<0.{PART_OCTETS}>)"
        yield from fetched(self._fetch(line, items), uids)

    def part(self, uid: int, offset: int) -> bytes:
        """The next PART_OCTETS of a message; fewer at its end. Raises UpstreamTrouble when upstream gives none."""
        key = b"BODY[]<%d>" % offset
        for facts in self._fetch(str(uid), f"(UID BODY.PEEK[]<{offset}.{PART_OCTETS}>)"):
            if facts.get(b"UID", uid) == uid and isinstance(facts.get(key), bytes):
                return bytes(facts[key])
        raise UpstreamTrouble(
            Trouble.ANSWER, Collecting.BROKE_OFF_IN_MESSAGE.said(host=self.host), refused=True
        )

    def _fetch(self, numbers: str, items: str, *, by_uid: bool = True) -> list[dict[bytes, Any]]:
        with self._translated("FETCH"):
            self._imap.response("FETCH")  # what came unasked
            words = ("UID", "FETCH", "FETCH") if by_uid else ("FETCH", "FETCH")
            try:
                data = self._ask(*words, numbers, items)
            except imaplib.IMAP4.error as error:
                if isinstance(error, imaplib.IMAP4.abort):
                    raise
                data = self._imap.response("FETCH")[1]  # RFC 9051 section 7.1.2: NO may follow some of the answers
                if not any(data):
                    raise
            return fetch_answers(data)

    # --- idling --------------------------------------------------------------------------------------------------

    def idle(self) -> bool:
        """Begin to idle (RFC 2177); whether there is news already."""
        with self._translated("IDLE"):
            for kind in ("EXISTS", "EXPUNGE", "VANISHED"):
                self._imap.response(kind)
            self._client.idle()
            self._idling = True
            early = any(self._imap.untagged_responses.get(kind) for kind in ("EXISTS", "EXPUNGE", "VANISHED"))
        return self.news() or early

    def news(self) -> bool:
        """Whether something has changed, of what has arrived. Does not block. Any line but `* OK` is news."""
        sock = self._client.socket()
        heard = False
        with self._translated("IDLE"):
            sock.setblocking(False)
            try:
                while True:
                    try:
                        line = self._imap.readline()
                    except (ssl.SSLWantReadError, BlockingIOError):
                        return heard
                    if line:
                        heard = heard or _QUIET.match(line) is None
                    elif isinstance(sock, ssl.SSLSocket) or not _is_open(sock):
                        raise imaplib.IMAP4.abort("closed the connection")
                    else:
                        return heard
            finally:
                sock.settimeout(READ_TIMEOUT_S)

    def wake(self) -> None:
        """End idling."""
        if self._idling:
            with self._translated("IDLE"):
                self._idling = False
                self._client.idle_done()

    def fileno(self) -> int:
        """For a selector."""
        return int(self._client.socket().fileno())

    # --- how it is done ------------------------------------------------------------------------------------------

    def _ask(self, command: str, response: str, *words: str) -> list[Any]:
        """A command and the untagged responses of one kind. Raises imaplib's errors; `IMAP4.error` for NO."""
        if command == "UID":  # the kind is the command that UID goes with
            kind, data = self._imap.uid(*words)
        else:
            kind, data = self._imap._untagged_response(*self._imap._simple_command(command, *words[:]), response)
        if kind != "OK":
            raise imaplib.IMAP4.error(text(data[0]) if data and data[0] else f"{command} {kind}")
        return [each for each in data if each is not None]

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        self._left = ANSWER_OCTETS
        try:
            yield
        except TimeoutError:
            raise self._trouble(Trouble.CONNECTION, Collecting.SILENT, doing) from None
        except ssl.SSLCertVerificationError as error:
            raise self._trouble(Trouble.CONNECTION, Collecting.CERTIFICATE, doing, error.verify_message) from error
        except imaplib.IMAP4.abort as error:
            raise self._trouble(
                Trouble.SIZES if self._left < 0 else Trouble.CONNECTION, Collecting.BROKE_OFF, doing, error
            ) from error
        except imaplib.IMAP4.error as error:
            if str(error).startswith("got more than"):  # imaplib's line limit: the rest of the line still comes
                raise self._trouble(Trouble.ANSWER, Collecting.LONG_LINE, doing) from error
            raise self._trouble(Trouble.ANSWER, Collecting.REFUSES, doing, error, refused=True) from error
        except OSError as error:
            raise self._trouble(Trouble.CONNECTION, Collecting.BROKE_OFF, doing, error.strerror or error) from error
        except (ValueError, TypeError, KeyError, IndexError, AssertionError) as error:
            raise self._trouble(Trouble.ANSWER, Collecting.UNREADABLE, doing, error) from error

    def _trouble(
        self, kind: Trouble, what: Collecting, doing: str, words: object = "", *, refused: bool = False
    ) -> UpstreamTrouble:
        text = str(words)
        if _LIMITS.search(text):
            kind = Trouble.LIMIT
        return UpstreamTrouble(kind, what.said(host=self.host, words=text[:300], doing=doing), refused=refused)


def _is_open(sock: socket.socket) -> bool:
    try:
        return sock.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True


Connect = Callable[[Endpoint, LogIn], Session]
