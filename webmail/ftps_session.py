"""One client's FTP session: the commands that read, each answered from `ftps_visit.py`; no other is known.

Runs in a thread of its own, so that a log-in that upstream takes seconds to answer holds up nobody else.
"""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from postbuch.archive import audit, said
from postbuch.archive.errors import ConfigError, NotFound, PostbuchError
from postbuch.archive.objects import ObjectDamaged
from postbuch.archive.reasons import Files
from postbuch.archive.said import Named
from postbuch.webmail.ftps_data import DataChannel
from postbuch.webmail.ftps_door import Door, House, VirtualPaths
from postbuch.webmail.ftps_library import (
    AuthenticationFailed,
    BufferedIteratorProducer,
    FileProducer,
    TLS_FTPHandler,
)
from postbuch.webmail.ftps_lines import FACTS, as_facts, as_ls, quoted
from postbuch.webmail.ftps_visit import Ended, Entry, Visit
from postbuch.webmail.upstream import Verdict

log = logging.getLogger("postbuch.ftps")

# How often rights are looked at while nothing is asked: so long a file goes on that may not be read any more.
LOOK_EVERY_S = 5.0
# FileZilla asks something every 30 s or so while its window is open.
IDLE_S = 600.0
# Who does not log in does not hold one of the sessions for longer; upstream may take 15 s of it.
LOG_IN_WITHIN_S = 60.0
# As a log-in to the web: a working day.
LONGEST_S = 12 * 3600
MAX_TRIES = 3
READS = frozenset(
    """
    ABOR AUTH CDUP CWD EPRT EPSV FEAT HELP LIST MDTM MLSD MLST MODE NLST NOOP OPTS PASS PASV PBSZ PORT PROT PWD QUIT
    REST RETR SIZE STAT STRU SYST TYPE USER XCUP XCWD XPWD
    """.split()  # noqa: SIM905 - a list of quoted words would fill a page
)
# What would change something is refused by its own words, so that people see why.
CHANGES = frozenset("ALLO APPE DELE MFMT MKD RMD RNFR RNTO SITE STOR STOU XMKD XRMD MFCT MFF".split())  # noqa: SIM905


class Session(TLS_FTPHandler):  # type: ignore[misc] # pyftpdlib ships no types
    """Made by the server for each connection, with the `house` of its process."""

    house: ClassVar[House]
    # pyftpdlib's: where a file begins, and what waits for its data connection.
    _restart_position: int
    _out_dtp_queue: Any
    authorizer = Door()
    abstracted_fs = VirtualPaths
    dtp_handler = DataChannel
    proto_cmds: ClassVar[dict[str, Any]] = {
        name: facts for name, facts in TLS_FTPHandler.proto_cmds.items() if name in READS
    }
    banner = "Postbuch"
    tls_control_required = tls_data_required = True
    max_login_attempts = MAX_TRIES
    # The limits of the log-in stop who guesses; this only keeps him from asking without a pause.
    auth_failed_timeout = 1
    # Times are looked at in `_look_around`, in the session's own thread; pyftpdlib's timer would be in another.
    timeout = 0
    use_sendfile = False
    # Before the log-in a name is what anybody typed, perhaps his password.
    log_prefix = "%(remote_ip)s"

    def __init__(self, conn: Any, server: Any, ioloop: Any = None) -> None:
        self.visit: Visit | None = None
        self._looking: Any = None
        self._is_over = False
        self._began = self._asked = time.monotonic()
        super().__init__(conn, server, ioloop)
        self._current_type = "i"
        self._available_facts, self._current_facts = list(FACTS), list(FACTS)

    @classmethod
    def get_ssl_context(cls) -> None:
        """None until AUTH, which makes one for this client alone."""

    # --- what it is in

    def add_channel(self, *args: Any, **kw: Any) -> None:
        """pyftpdlib: the loop of our own thread takes over."""
        super().add_channel(*args, **kw)
        if self._looking is None and self.ioloop is not self.server.ioloop:
            self._looking = self.ioloop.call_every(LOOK_EVERY_S, self._look_around, _errback=self.handle_error)

    def cut(self) -> None:
        """Hang up without the good-bye of TLS, for which a client that reads nothing could let us wait for ever."""
        self._error = True
        self.close()

    @property
    def is_sending(self) -> bool:
        """Whether a file or a listing is on its way."""
        channel = getattr(self, "data_channel", None)
        return channel is not None and bool(channel.is_busy)

    def say(self, code: int, words: Named) -> None:
        """A reply, in the language that the user has chosen."""
        text = said.told(words.said(), self.visit.user.language or "en" if self.visit else "en")
        self.respond(f"{code} {text[:1].upper()}{text[1:]}.")

    def log_exception(self, instance: Any) -> None:
        log.exception("session-failed address=%s", self.remote_ip)

    def _look_around(self) -> None:
        """Whether this session goes on; who does not take the news of its end is cut off at the next look."""
        if self._closed:
            self._looking.cancel()
            return
        if self._is_over:
            self.cut()
            return
        now = time.monotonic()
        if self.is_sending:
            self._asked = now
        if self.visit is None:
            over = now - self._began > LOG_IN_WITHIN_S
        else:
            over = now - self._asked > IDLE_S or now - self._began > LONGEST_S or not self._is_welcome(self.visit)
        if not over:
            return
        self._is_over = True
        if self.data_channel is not None:
            self.data_channel.cut()
        self.say(421, Files.OVER)
        self.close_when_done()

    def _is_welcome(self, visit: Visit) -> bool:
        try:
            return visit.is_welcome()
        except PostbuchError:  # no database: nobody can end a right either
            return True

    # --- commands

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        self._asked = time.monotonic()
        if cmd in CHANGES:
            self.say(550, Files.READ_ONLY)
        elif cmd == "USER" and self.authenticated:
            self.respond("503 Open a new connection for another user.")
        else:
            super().pre_process_command(line, cmd, arg)

    def process_command(self, cmd: str, *args: Any, **kw: Any) -> None:
        try:
            super().process_command(cmd, *args, **kw)
        except Ended:
            self.say(421, Files.OVER)
            self.close_when_done()
        except NotFound:
            self.say(550, Files.NOT_THERE)
        except ObjectDamaged as error:
            log.error("object-damaged cause=%s", error)
            self.say(550, Files.DAMAGED)
        except PostbuchError as error:
            log.error("archive-silent cause=%s", error)
            self.say(451, Files.ARCHIVE_SILENT)

    def ftp_AUTH(self, line: str) -> None:
        # What came before TLS must not be taken for what comes in it.
        self.ac_in_buffer = b""
        try:
            self.ssl_context = self.house.context(LONGEST_S)
        except ConfigError as error:
            log.error("no-certificate cause=%s", error)
            self.respond("431 The certificate cannot be used at the moment.")
            return
        super().ftp_AUTH(line)

    def ftp_PROT(self, line: str) -> None:
        if line.upper() == "C":
            self.say(534, Files.ONLY_TLS)
        else:
            super().ftp_PROT(line)

    def log_in(self, login: str, password: str) -> None:
        """Raises AuthenticationFailed."""
        verdict, self.visit = self.house.admit(login, password, self.remote_ip.removeprefix("::ffff:"))
        if self.visit is None:
            problem = {None: Files.TOO_MANY, Verdict.SILENT: Files.PROVIDER_SILENT}.get(verdict, Files.WRONG)
            raise AuthenticationFailed(f"{problem.said()}.")

    def on_login(self, _username: str) -> None:
        self.password = ""

    def on_logout(self, _username: str) -> None:
        if self.visit is not None:
            self.visit.leave()

    def on_file_sent(self, _file: str) -> None:
        self._visit.sent()

    def on_incomplete_file_sent(self, _file: str) -> None:
        self._visit.sent()

    @property
    def _visit(self) -> Visit:
        if self.visit is None:
            raise Ended("nobody is logged in")
        return self.visit

    def ftp_CWD(self, path: str) -> None:
        if not self._visit.entry(path).is_folder:
            raise NotFound(path)
        self.fs.cwd = path
        self.respond(f'250 "{quoted(path)}" is the current directory.')

    def ftp_LIST(self, path: str) -> None:
        now = audit.now()
        self._send_lines("LIST", path, lambda entry: as_ls(entry, now))

    def ftp_NLST(self, path: str) -> None:
        self._send_lines("NLST", path, lambda entry: entry.name)

    def ftp_MLSD(self, path: str) -> None:
        if not self._visit.entry(path).is_folder:
            self.respond("501 Not a folder.")
            return
        self._send_lines("MLSD", path, self._as_facts)

    def ftp_MLST(self, path: str) -> None:
        facts = self._as_facts(self._visit.entry(path)).partition(" ")[0]
        self.push(f"250-Listing:\r\n {facts} {path}\r\n")
        self.respond("250 End MLST.")

    def ftp_STAT(self, path: str) -> None:
        if path:
            self.respond("504 Use LIST or MLSD.")
        else:
            super().ftp_STAT("")

    def ftp_SIZE(self, path: str) -> None:
        self.respond(f"213 {self._file_at(path).size_octets}")

    def ftp_MDTM(self, path: str) -> None:
        self.respond(f"213 {self._file_at(path).at:%Y%m%d%H%M%S}")

    def ftp_TYPE(self, line: str) -> None:
        """ASCII is granted and never done: a file comes octet for octet (invariant 1)."""
        super().ftp_TYPE(line)
        self._current_type = "i"

    def ftp_RETR(self, path: str) -> None:
        """On record before the first octet."""
        begin, self._restart_position = self._restart_position, 0
        if not self._can_send():
            return
        stream = self._visit.open(path)
        size = stream.seek(0, 2)
        if begin > size:
            stream.close()
            self._visit.sent()
            self.respond(f"554 The file ends at {size}.")
            return
        stream.seek(begin)
        self.push_dtp_data(FileProducer(stream, "i"), isproducer=True, file=stream, cmd="RETR")

    def _can_send(self) -> bool:
        """Whether there is, or will be, a data connection that carries nothing yet; says so if not."""
        if self.is_sending or self._out_dtp_queue is not None:
            self.respond("450 One file at a time.")
        elif self.data_channel is not None and self.data_channel.is_foreign:
            self.data_channel.refuse()
        elif not (self.data_channel or self._dtp_acceptor or self._dtp_connector):
            self.respond("425 Use EPSV or PASV first.")
        else:
            return True
        return False

    def _shutdown_connecting_dtp(self) -> None:
        """pyftpdlib: another port is opened. What waited for the old one is not for who comes to the new one."""
        super()._shutdown_connecting_dtp()
        waiting = getattr(self, "_out_dtp_queue", None)
        if waiting is not None:
            self._out_dtp_queue, file = None, waiting[2]
            if file is not None:
                file.close()
                self._visit.sent()

    def _file_at(self, path: str) -> Entry:
        entry = self._visit.entry(path)
        if entry.is_folder:
            raise NotFound(path)
        return entry

    def _send_lines(self, cmd: str, path: str, line: Callable[[Entry], str]) -> None:
        """Page by page as the client takes them: a folder may hold a hundred thousand files."""
        if not self._can_send():
            return
        entries = self._visit.listing(path)
        lines: Iterator[bytes] = (f"{line(entry)}\r\n".encode() for entry in entries)
        self.push_dtp_data(BufferedIteratorProducer(lines), isproducer=True, cmd=cmd)

    def _as_facts(self, entry: Entry) -> str:
        return as_facts(entry, self._current_facts)
