"""What the submission listener announces in EHLO: what every provider of the configuration has, learned from them.

Before the log-in nobody knows which provider a client belongs to, so it is the intersection; afterwards it is the own
provider's. A provider that was never reached counts as having nothing: then only what we do ourselves is announced.
"""

import asyncio
import logging
from collections.abc import Mapping

from postbuch.archive.config import Config, Upstream
from postbuch.archive.errors import ConfigError
from postbuch.proxy.failure import UpstreamFailed
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.upstream_smtp import OWN_NAME, open_leg

log = logging.getLogger("postbuch.proxy.submission")

# What goes through us unchanged when upstream has it. Never CHUNKING, BINARYMIME, BURL, XCLIENT, XFORWARD, STARTTLS.
PASSED = ("8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
ASK_EVERY_S = 900.0
ASK_AGAIN_S = 30.0  # while one is still unknown


class Extensions:
    """Provider name → what its last EHLO said."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.asked = asyncio.Event()  # every provider was asked once
        self._learned: dict[str, Mapping[str, str]] = {}

    def learn(self, provider: str, extensions: Mapping[str, str]) -> None:
        """A provider answered EHLO."""
        self._learned[provider] = dict(extensions)

    def lines(self, provider: Upstream | None = None) -> list[str]:
        """The lines of our EHLO after the first; `provider`: of a client that has logged in."""
        asked = [provider] if provider is not None else self._config.upstream
        known = [self._learned.get(each.name, {}) for each in asked]
        return [
            "PIPELINING",
            f"SIZE {self._size(known)}",
            *(each for each in PASSED if known and all(each in extensions for extensions in known)),
            "AUTH PLAIN LOGIN",
        ]

    def _size(self, known: list[Mapping[str, str]]) -> int:
        # SIZE without a number or with 0 is no limit (RFC 1870 section 3).
        limits = [extensions.get("SIZE", "") for extensions in known]
        return min([self._config.submission.max_size_octets, *(int(each) for each in limits if _is_limit(each))])

    async def ask(self, runtime: Runtime, provider: Upstream) -> None:
        """Learn one provider's extensions; one that is away is learned later."""
        try:
            leg = await open_leg(runtime, provider, OWN_NAME)
        except (UpstreamFailed, ConfigError) as error:
            log.info("extensions-unknown upstream=%s cause=%r", provider.name, str(error))
            return
        self.learn(provider.name, leg.extensions)
        runtime.spawn(leg.quit())

    async def keep_asking(self, runtime: Runtime) -> None:
        """Ask all providers now and every quarter of an hour. Runs until cancelled."""
        while True:
            await asyncio.gather(*(self.ask(runtime, provider) for provider in self._config.upstream))
            self.asked.set()
            unknown = any(provider.name not in self._learned for provider in self._config.upstream)
            await asyncio.sleep(ASK_AGAIN_S if unknown else ASK_EVERY_S)


def _is_limit(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20 and int(text) > 0
