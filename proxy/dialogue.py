"""What a client may say before it has logged in, and our answers (RFC 9051 sections 6.1 and 6.2). No upstream here.

Reads events of the client's framer; gives `Credentials` with the command's tag once it has them.
"""

import base64
from collections.abc import Callable

from postbuch.proxy import command
from postbuch.proxy.credential import Credentials
from postbuch.proxy.framing import ClientLine, Data
from postbuch.proxy.login import MAX_CREDENTIAL_OCTETS, decode, plain_response

# A client needs CAPABILITY, ID and one log-in; who talks on is not a mail program.
MAX_COMMANDS = 50
# RFC 2971 section 3.3: ID has at most 30 pairs.
MAX_LITERALS = 60
_USERNAME = b"+ " + base64.b64encode(b"Username:") + b"\r\n"
_PASSWORD = b"+ " + base64.b64encode(b"Password:") + b"\r\n"


class Dialogue:
    """One a session, until `log_in` was called; `log_in(tag, credentials)` is answered by the session."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        end: Callable[[str, bytes], None],
        log_in: Callable[[bytes, Credentials], None],
        capabilities: Callable[[], bytes],
    ) -> None:
        self.client_id = b""  # the arguments of the client's ID, passed on to upstream
        self._write = write
        self._end = end
        self._log_in = log_in
        self._capabilities = capabilities
        self._commands = 0
        self._parts: list[bytes] = []
        self._literals: list[bytes] = []
        self._sasl: tuple[bytes, str, bytes] | None = None  # tag, mechanism or step, user so far

    def take(self, event: ClientLine | Data) -> None:
        """One event. Calls `write`, `log_in` or `end`."""
        if isinstance(event, Data):
            self._literals[-1] += bytes(event.octets)
        elif self._sasl is not None:
            self._response(event)
        else:
            self._line(event)

    def _line(self, line: ClientLine) -> None:
        if line.first:
            self._parts, self._literals = [], []
        self._parts.append(line.octets)
        if line.literal is None:
            self._execute()
            return
        parsed = command.parse(self._parts[0])
        wanted = parsed is not None and parsed.verb in (b"LOGIN", b"ID") and len(self._literals) < MAX_LITERALS
        if not wanted or line.literal > MAX_CREDENTIAL_OCTETS:
            self._end("a literal before the log-in", b"* BYE no literal is taken here\r\n")
            return
        self._literals.append(b"")
        if line.synchronising:
            self._write(b"+ OK\r\n")

    def _execute(self) -> None:
        self._commands += 1
        if self._commands > MAX_COMMANDS:
            self._end("too many commands before the log-in", b"* BYE too many commands\r\n")
            return
        parsed = command.parse(self._parts[0])
        if parsed is None:
            self._write(command.tag_of(self._parts[0]) + b" BAD this is no command\r\n")
            return
        tag = parsed.tag
        match parsed.verb:
            case b"CAPABILITY":
                self._write(b"* CAPABILITY " + self._capabilities() + b"\r\n" + tag + b" OK done\r\n")
            case b"NOOP":
                self._write(tag + b" OK done\r\n")
            case b"ID":
                if not self._literals:
                    self.client_id = parsed.rest
                self._write(b'* ID ("name" "Postbuch")\r\n' + tag + b" OK done\r\n")
            case b"LOGOUT":
                self._end("", b"* BYE see you\r\n" + tag + b" OK done\r\n")
            case b"LOGIN":
                self._login(tag, parsed.rest + b"".join(self._parts[1:]))
            case b"AUTHENTICATE":
                self._authenticate(tag, parsed.rest)
            case _:
                self._write(tag + b" BAD log in first\r\n")
        self._parts = []

    def _login(self, tag: bytes, rest: bytes) -> None:
        literals, found = list(self._literals), []
        for _ in range(2):
            part = command.argument(rest, literals)
            if part is None:
                self._write(tag + b" BAD LOGIN takes a name and a password\r\n")
                return
            found.append(part[0])
            rest = part[1]
        if rest.strip():
            self._write(tag + b" BAD LOGIN takes a name and a password\r\n")
            return
        self._literals = []
        self._log_in(tag, Credentials(user=found[0], password=found[1]))

    def _authenticate(self, tag: bytes, rest: bytes) -> None:
        words = rest.split()
        mechanism = words[0].upper() if words else b""
        if mechanism not in (b"PLAIN", b"LOGIN") or len(words) > 2:
            self._write(tag + b" NO [CANNOT] use AUTHENTICATE PLAIN or LOGIN\r\n")
            return
        if mechanism == b"PLAIN":
            self._sasl = (tag, "plain", b"")
            if len(words) == 2:
                self._plain(words[1])
            else:
                self._write(b"+ \r\n")
        elif len(words) == 2:
            self._user(tag, words[1])
        else:
            self._sasl = (tag, "user", b"")
            self._write(_USERNAME)

    def _response(self, line: ClientLine) -> None:
        tag, step, user = self._sasl or (b"", "", b"")
        token = line.octets.rstrip(b"\r\n")
        if token == b"*" or line.literal is not None:
            self._sasl = None
            self._write(tag + b" BAD cancelled\r\n")
        elif step == "plain":
            self._plain(token)
        elif step == "user":
            self._user(tag, token)
        else:
            self._sasl = None
            password = decode(token)
            if password is None:
                self._write(tag + b" BAD that is not base64\r\n")
            else:
                self._log_in(tag, Credentials(user=user, password=password))

    def _plain(self, token: bytes) -> None:
        tag = self._sasl[0] if self._sasl else b"*"
        self._sasl = None
        credentials = plain_response(token)
        if credentials is None:
            self._write(tag + b" BAD that is no PLAIN response\r\n")
        else:
            self._log_in(tag, credentials)

    def _user(self, tag: bytes, token: bytes) -> None:
        user = decode(token)
        if not user:
            self._sasl = None
            self._write(tag + b" BAD that is not base64\r\n")
            return
        self._sasl = (tag, "password", user)
        self._write(_PASSWORD)
