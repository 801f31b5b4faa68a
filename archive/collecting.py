"""The collector as a part of a process: its thread, its connections to database and spool, its providers."""

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

from postbuch.archive import database, said
from postbuch.archive.collect_connection import LogIn
from postbuch.archive.collect_credentials import Finder
from postbuch.archive.collect_work import Provider
from postbuch.archive.collector import Collector
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import PostbuchError
from postbuch.archive.health import failure
from postbuch.archive.spool import SpoolWriter

# A verifying context for an upstream's `ca_file` (empty: the system's roots alone). Raises ConfigError.
Trust = Callable[[str], ssl.SSLContext]
# The credential of an account's number; None when there is none.
FindLogIn = Callable[[int], LogIn | None]

# What keeps it from beginning is for a person to put right; the drain goes on meanwhile.
AGAIN_S = 5.0


@contextlib.contextmanager
def collector(
    config: Config, trust: Trust, log_in: FindLogIn | None = None, *, only: frozenset[int] | None = None,
    once: bool = False,
) -> Iterator[Collector]:
    """A collector that may be run within the block; `log_in` finds credentials, by default in the database.

    Raises SpoolError, ConfigError.
    """
    engine = database.engine(config, Role.INGEST)
    providers = [
        Provider(upstream=each, trust=trust(each.ca_file) if each.imap_endpoint.scheme == "imaps" else None)
        for each in config.upstream
    ]
    try:
        with SpoolWriter(config.data / "spool") as writer:
            yield Collector(engine, writer, providers, log_in or Finder(config, engine), only=only, once=once)
    finally:
        engine.dispose()


class Collecting:
    """The collector in a thread of its own until `stop`."""

    def __init__(self, config: Config, trust: Trust, log_in: FindLogIn | None = None) -> None:
        self._stop = threading.Event()
        self._made: Collector | None = None
        self._problem = ""
        self._thread = threading.Thread(target=self._run, args=(config, trust, log_in), name="collector")
        self._thread.start()

    def alive(self) -> bool:
        """Whether it works; a configuration that keeps it from working is a failure, not a death."""
        return self._thread.is_alive()

    def failures(self) -> list[dict[str, Any]]:
        """Entries of the health file."""
        if self._problem:
            return [failure("collector", "cannot-begin", self._problem, None)]
        return [] if self._made is None else self._made.failures()

    def stop(self) -> None:
        """Have it end, and wait for that."""
        self._stop.set()
        self._thread.join()

    def _run(self, config: Config, trust: Trust, log_in: FindLogIn | None) -> None:
        while not self._stop.is_set():
            try:
                with collector(config, trust, log_in) as made:
                    self._made, self._problem = made, ""
                    made.run(self._stop)
            except PostbuchError as error:  # no room in the spool, or a CA file that is not there
                self._made, self._problem = None, said.of(error)
                self._stop.wait(AGAIN_S)
