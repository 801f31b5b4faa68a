"""The collector's connection to upstream: opened, logged in, idling, closed. The home of imapclient, whose errors
become UpstreamTrouble here; what is asked of mailboxes and messages is in `collect_imap.py`.

Every method blocks, for at most READ_TIMEOUT_S without an octet; one thread at a time. After UpstreamTrouble that is
not `refused` the connection is no use.
"""

import contextlib
import imaplib
import logging
import re
import secrets
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Protocol

import imapclient

from postbuch.archive import imapstring, said, systemwords
from postbuch.archive.collect_answers import text
from postbuch.archive.collect_backoff import Trouble
from postbuch.archive.endpoint import Endpoint
from postbuch.archive.errors import PostbuchError
from postbuch.archive.reasons import Collecting

CONNECT_TIMEOUT_S = 15.0
# Some servers search a large mailbox for a minute before they say a word.
READ_TIMEOUT_S = 120.0
# 48 MiB: no answer to one command is larger, unless sizes are not what upstream said they were.
ANSWER_OCTETS = 50_331_648

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


class Connection:
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
        self._client._normalise_folder = _quoted  # its own takes ASCII alone, and some servers give names of 8 bits
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

    # --- how it is asked -------------------------------------------------------------------------------------------

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
            raise self._trouble(Trouble.CONNECTION, Collecting.BROKE_OFF, doing, systemwords.cause(error)) from error
        except (ValueError, TypeError, KeyError, IndexError, AssertionError, RecursionError) as error:
            raise self._trouble(Trouble.ANSWER, Collecting.UNREADABLE, doing, error) from error

    def _trouble(
        self, kind: Trouble, what: Collecting, doing: str, words: object = "", *, refused: bool = False
    ) -> UpstreamTrouble:
        text = str(words)
        if _LIMITS.search(text):
            kind = Trouble.LIMIT
        return UpstreamTrouble(kind, what.said(host=self.host, words=text[:300], doing=doing), refused=refused)


def _quoted(name: bytes) -> bytes:
    """A mailbox's name as upstream gave it, as a string. Raises UpstreamTrouble, `refused`."""
    written = imapstring.quoted(name)
    if written is None:
        raise UpstreamTrouble(Trouble.ANSWER, Collecting.NO_STRING.said(), refused=True)
    return written


def _is_open(sock: socket.socket) -> bool:
    try:
        return sock.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
