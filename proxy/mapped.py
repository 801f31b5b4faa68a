"""Log-ins with a password of Postbuch's own, behind which stands a stored one for upstream (`auth = "stored"`).

A person opens his own account under its address, and one that he was granted, such as a shared mailbox, under
`mailbox*person`: `info@firma.example*anna@firma.example`. What is needed for that comes from a file (`logins.py`), so
the database may be away.
"""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from postbuch.archive import logins, seal, users
from postbuch.archive.config import Config, Upstream
from postbuch.archive.credentials import purpose
from postbuch.archive.logins import Logins
from postbuch.archive.seal import SealBroken
from postbuch.proxy.credential import Credentials
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed

# Between the account and who opens it; Dovecot's master users are written in this order and with this character too.
SEPARATOR = "*"
# Mail programs open many connections with one password: argon2 (50 ms, 64 MiB) is done once in ten minutes.
GOOD_FOR_S = 600.0
MAX_GOOD = 10_000
# 64 MiB each at a time.
CHECKS_AT_ONCE = 2
# A stored password that upstream has refused is not shown to it again for so long, whoever logs in: too many wrong
# ones lock an account at some providers.
REFUSED_FOR_S = 300.0


class WrongPassword(Exception):
    """Postbuch's own password, or the right to the account; which of them is nothing to learn by trying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which account is to be opened, by whom, and who serves it (None: nobody does)."""

    account: str
    person: str
    provider: Upstream | None


def wanted(config: Config, name: str) -> Wanted:
    """Read a log-in name. Only where passwords are stored does the separator mean anything: else it is a letter."""
    account, separator, person = name.partition(SEPARATOR)
    provider = config.upstream_for(account) if separator else None
    if provider is not None and provider.auth == "stored":
        return Wanted(account=account, person=person, provider=provider)
    return Wanted(account=name, person=name, provider=config.upstream_for(name))


class Mapped:
    """One a process. For the loop's thread."""

    def __init__(self, data: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = logins.path(data)
        self._keys = data / "keys"
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._good: dict[bytes, float] = {}
        self._refused: dict[str, tuple[bytes, float]] = {}
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._read: tuple[tuple[int, int], Logins] | None = None

    async def exchange(self, who: Wanted, given: Credentials) -> Credentials:
        """What upstream is to be shown instead of what the client gave; the same where passwords pass through.

        Raises WrongPassword, and UpstreamFailed when nothing is stored for the account or cannot be used.
        """
        provider = who.provider
        if provider is None:
            raise UpstreamFailed(Reason.UNKNOWN_DOMAIN, who.account.rpartition("@")[2] or who.account)
        if provider.auth == "password":
            return given
        if provider.auth != "stored":
            raise UpstreamFailed(Reason.MODE_UNAVAILABLE, provider.auth)
        known = self._logins()
        person = known.people.get(who.person)
        right = await self._is_right(who.person, person.hashed if person else "", given.password)
        if not right or person is None or not person.may_open(who.account):
            raise WrongPassword
        key = known.keys.get(who.account)
        if key is None:
            raise UpstreamFailed(Reason.NOTHING_STORED, who.account)
        if self._was_refused(who.account, key.sealed):
            raise UpstreamFailed(Reason.STORED_REFUSED, who.account)
        try:
            # Read each time: the key may have been changed by command.
            password = seal.load(self._keys).open(key.sealed, purpose(who.account))
        except (SealBroken, OSError) as error:
            detail = Detail.NOT_OPENED.said(account=who.account, words=error)
            raise UpstreamFailed(Reason.NOTHING_STORED, detail) from None
        return Credentials(user=key.user.encode(), password=password.encode(), opens=who.account)

    def refused(self, account: str) -> None:
        """Upstream does not take what is stored."""
        key = self._logins().keys.get(account)
        if key is not None:
            self._refused[account] = (key.sealed, self._clock() + REFUSED_FOR_S)

    def _was_refused(self, account: str, sealed: bytes) -> bool:
        found = self._refused.get(account)
        if found is None:
            return False
        if found[0] != sealed or found[1] <= self._clock():  # another one was stored, or it is time to try again
            del self._refused[account]
            return False
        return True

    async def _is_right(self, name: str, hashed: str, password: bytes) -> bool:
        facts = b"\0".join((name.encode(), hashed.encode(), password))
        digest = hmac.digest(self._secret, facts, hashlib.sha256)
        if hashed and self._good.get(digest, 0.0) > self._clock():
            return True
        async with self._checks:
            right = await asyncio.to_thread(users.is_right, hashed, password.decode("utf-8", "replace"))
        if right:
            self._good.pop(digest, None)
            self._good[digest] = self._clock() + GOOD_FOR_S
            while len(self._good) > MAX_GOOD:
                del self._good[next(iter(self._good))]
        return right

    def _logins(self) -> Logins:
        """The file, read again when it was replaced. Raises UpstreamFailed."""
        try:
            state = self._file.stat()
            mark = (state.st_ino, state.st_mtime_ns)
            if self._read is None or self._read[0] != mark:
                self._read = mark, logins.read(self._file)
        except (OSError, ValueError, KeyError) as error:
            raise UpstreamFailed(Reason.LOGINS_UNKNOWN, Detail.FILE.said(path=self._file, words=error)) from None
        return self._read[1]
