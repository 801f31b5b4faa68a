"""Remembering passwords of good log-ins for the collector, where an upstream is set to `remember = true`.

A password leaves this process sealed, by way of the spool, so that nobody waits for the database. What was told last
is kept as a keyed digest only.
"""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from postbuch.archive import seal
from postbuch.archive.config import Upstream
from postbuch.archive.credentials import purpose
from postbuch.archive.seal import SealBroken
from postbuch.proxy.credential import Credentials

log = logging.getLogger("postbuch.proxy")

# 50,000 accounts of 100 octets: 5 MB.
MAX_ACCOUNTS = 50_000


class Remembering:
    """One a process. For the loop's thread."""

    def __init__(self, keys: Path, event: Callable[[Mapping[str, Any]], None]) -> None:
        self._keys = keys
        self._event = event
        self._secret = secrets.token_bytes(32)
        self._told: dict[str, bytes] = {}

    def good(self, provider: Upstream, credentials: Credentials) -> None:
        """Upstream took the log-in: remember its password, if it is another than the last one."""
        if not provider.remember or provider.auth != "password":
            return
        account, digest = credentials.account, self._digest(credentials)
        if self._told.get(account) == digest:
            return
        try:
            # Read each time: the key may have been changed by command.
            sealed = seal.load(self._keys).seal(credentials.password.decode("utf-8"), purpose(account))
        except (SealBroken, OSError, UnicodeDecodeError) as error:
            log.warning("not-remembered account=%s reason=%s", account, type(error).__name__)
            return
        self._tell(account, provider, credentials, {"sealed": sealed.hex()})
        self._told.pop(account, None)
        self._told[account] = digest
        while len(self._told) > MAX_ACCOUNTS:
            del self._told[next(iter(self._told))]

    def refused(self, provider: Upstream | None, credentials: Credentials) -> None:
        """Upstream did not take it: when it is the very one that was remembered, it is stale."""
        if provider is None or self._told.get(credentials.account) != self._digest(credentials):
            return
        del self._told[credentials.account]
        self._tell(credentials.account, provider, credentials, {"stale": True})

    def _tell(
        self, account: str, provider: Upstream, credentials: Credentials, facts: Mapping[str, Any]
    ) -> None:
        self._event({
            "event": "credential", "account": account, "upstream": provider.name,
            "user": credentials.user.decode("utf-8", "replace"), "at": datetime.now(UTC).isoformat(), **facts,
        })

    def _digest(self, credentials: Credentials) -> bytes:
        return hmac.digest(self._secret, credentials.user + b"\0" + credentials.password, hashlib.sha256)
