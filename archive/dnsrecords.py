"""What the DNS says: TXT records, asked for many at a time, remembered as long as they hold. The home of dnspython.

Blocks; nothing on a mail program's way may wait for it.
"""

import copy
import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dns.exception
import dns.nameserver
import dns.resolver

from postbuch.archive.config import Dns
from postbuch.archive.errors import PostbuchError
from postbuch.archive.schema_dkim import RECORD_CHARACTERS

# One question, all servers and repetitions together. Resolvers give up after as long themselves.
QUERY_S = 4.0
# Questions at a time. With 30 ms for each a second answers 250 new names; those of a batch are mostly known.
AT_ONCE = 8
# 2,000 answers of some 5 KB each are 10 MB; a firm's mail comes from some hundred domains a day.
KEPT_ANSWERS = 2000
# A name whose servers were silent is asked again after a minute, then twice as long each time, up to 6 hours.
SILENT_S, MAX_SILENT_S = 60.0, 21_600.0
# Names that are known to be silent; each has 200 octets. Above it the oldest are asked again early.
KEPT_SILENT = 10_000
# One silent domain is its own trouble. When so many in a row are, the servers are asked for the root.
IN_A_ROW = 5

Texts = tuple[bytes, ...]


class NoServers(PostbuchError):
    """The system names no name servers."""


class Records:
    """Thread-safe. `silent` says whether the name servers as such seem to be gone."""

    def __init__(self, settings: Dns, *, query_s: float = QUERY_S) -> None:
        """Raises NoServers."""
        try:
            self._resolver = dns.resolver.Resolver(configure=not settings.servers)
        except dns.resolver.NoResolverConfiguration as error:
            raise NoServers(str(error)) from None
        if settings.servers:
            self._resolver.nameservers = [
                dns.nameserver.Do53Nameserver(each.host, each.port) for each in settings.addresses
            ]
        self._resolver.cache = dns.resolver.LRUCache(KEPT_ANSWERS)
        # 1,232 octets pass everywhere in one piece; what is longer comes by TCP.
        self._resolver.use_edns(0, 0, 1232)
        self._query_s = query_s
        self._lock = threading.Lock()
        self._later: dict[str, tuple[float, float]] = {}  # name → (not before, how long it was put off)
        self._row = 0
        # Never from what is remembered.
        self._probe = copy.copy(self._resolver)
        self._probe.cache = None
        self.silent = False

    def look_up(self, names: Collection[str]) -> Mapping[str, Texts | None]:
        """Name → its TXT records, each joined, in order of their octets; none when the DNS says that there are none.

        None for a name that could not be asked for now (RFC 6376 section 6.1.2: a temporary failure).
        """
        if not names:
            return {}
        with ThreadPoolExecutor(min(AT_ONCE, len(names)), thread_name_prefix="dns") as pool:
            found = dict(zip(names, pool.map(self._ask, names), strict=True))
        if self._row >= IN_A_ROW:
            self.silent = not self._reachable()
            self._row = 0
        return found

    def _ask(self, name: str) -> Texts | None:
        now = time.monotonic()
        with self._lock:
            if self._later.get(name, (0.0, 0.0))[0] > now:
                return None
        try:
            answer = self._resolver.resolve(
                f"{name}.", "TXT", raise_on_no_answer=False, search=False, lifetime=self._query_s
            )
            records: Any = answer.rrset or ()
            found = sorted(b"".join(each.strings) for each in records)
        except dns.resolver.NXDOMAIN:
            found = []
        except (dns.exception.DNSException, OSError):
            self._put_off(name, now)
            return None
        with self._lock:
            if self.silent:
                self.silent = False
                self._later.clear()
            self._later.pop(name, None)
            self._row = 0
        return tuple(text for text in found if len(text) <= RECORD_CHARACTERS)

    def _reachable(self) -> bool:
        """Whether any name server says anything at all, about the root."""
        try:
            self._probe.resolve(".", "SOA", raise_on_no_answer=False, search=False, lifetime=self._query_s)
        except dns.resolver.NXDOMAIN:
            return True
        except dns.resolver.NoNameservers as error:  # all refused, or could not be reached
            return any(response is not None for *_, response in error.kwargs.get("errors", ()))
        except (dns.exception.DNSException, OSError):
            return False
        return True

    def _put_off(self, name: str, now: float) -> None:
        with self._lock:
            self._row += 1
            _, last_s = self._later.pop(name, (0.0, SILENT_S / 2))
            wait_s = min(last_s * 2, MAX_SILENT_S)
            self._later[name] = now + wait_s, wait_s
            while len(self._later) > KEPT_SILENT:
                del self._later[next(iter(self._later))]
