"""What may be announced before a log-in: learned from each provider's greeting, common to all of them."""

import logging

from postbuch.archive.errors import ConfigError
from postbuch.proxy import capability, login
from postbuch.proxy.failure import UpstreamFailed
from postbuch.proxy.runtime import Runtime

log = logging.getLogger("postbuch.proxy.imap")


class Announced:
    """Provider name → capabilities of its last greeting."""

    def __init__(self) -> None:
        self._learned: dict[str, list[bytes]] = {}

    def tokens(self) -> list[bytes]:
        """What all providers have that were seen so far."""
        return capability.common(list(self._learned.values()))

    def learn(self, provider: str, greeting: bytes) -> None:
        """A provider greeted."""
        found = capability.tokens(greeting)
        if found:
            self._learned[provider] = found

    async def ask_all(self, runtime: Runtime) -> None:
        """Ask every provider once; one that is away is learned at its first log-in."""
        for provider in runtime.config.upstream:
            try:
                transport, _, greeting = await login.open_upstream(runtime, provider)
            except (UpstreamFailed, ConfigError) as error:
                log.info("greeting-unknown upstream=%s cause=%r", provider.name, str(error))
                continue
            self.learn(provider.name, greeting)
            transport.abort()
