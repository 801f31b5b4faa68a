"""The collector's connection to upstream, able to put messages there as well. Nothing is ever changed or removed."""

import imaplib
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from postbuch.archive.collect_answers import Fetched, text
from postbuch.archive.collect_imap import Session

_APPENDUID = re.compile(rb"\[APPENDUID (\d{1,10}) (\d{1,10})\]", re.IGNORECASE)
# RFC 9051 section 9: flag-keyword and the system flags; \Recent is the server's, and what is \Deleted would go again.
_FLAG = re.compile(r"\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_NOT_GIVEN = {"\\recent", "\\deleted"}


class PutSession(Session):
    """As `Session`: blocks, one thread at a time, raises UpstreamTrouble."""

    def create(self, name: bytes) -> None:
        """Make a mailbox and subscribe to it, so that mail programs show it."""
        with self._translated("CREATE"):
            self._client.create_folder(name)
            self._client.subscribe_folder(name)

    def append(
        self, name: bytes, octets: bytes, flags: Sequence[str], at: datetime
    ) -> tuple[int | None, int | None, str]:
        """Put a message; UIDVALIDITY and UID when upstream tells them (RFC 4315), and what it said. `at` is in UTC.

        Not by imaplib's `append`, which makes CRLF of every line end.
        """
        given = " ".join(each for each in flags if _FLAG.fullmatch(each) and each.lower() not in _NOT_GIVEN)
        date = imaplib.Time2Internaldate(at.replace(tzinfo=UTC))
        with self._translated("APPEND"):
            self._imap.literal = octets
            kind, data = self._imap._simple_command("APPEND", self._client._normalise_folder(name), f"({given})", date)
            if kind != "OK":
                raise imaplib.IMAP4.error(text(data[-1]))
        said = bytes(data[-1] or b"")
        found = _APPENDUID.search(said)
        uidvalidity, uid = (int(found[1]), int(found[2])) if found else (None, None)
        return uidvalidity, uid, text(said)

    def look_again(self) -> None:
        """Hear of what has come into the open mailbox."""
        with self._translated("NOOP"):
            self._client.noop()

    def whole(self, fetched: Fetched) -> bytes:
        """All octets of a message of which `messages` gave the beginning."""
        return b"".join((fetched.octets, *self.rest(fetched)))
