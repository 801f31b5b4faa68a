"""What the pages work with: the configuration, the database, the children that read hostile mail."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from flask import current_app
from sqlalchemy import Connection, Engine

from postbuch.archive import database
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.dkimparser import SignatureParser
from postbuch.webmail.drawings import Drawings
from postbuch.webmail.kept import Kept
from postbuch.webmail.reading import Reader

EXTENSION = "postbuch"
# How long a page waits for one answer of the database. On a million letters the slowest takes 0.3 s; what takes minutes
# (large exports, the check, migrations) is the work of other processes, which wait for ever. A server that has stopped
# may take two such whiles of a page, for the kept connection and for a new one: proxies give up after 60 s.
PATIENCE_S = 25.0
# What is read in another program may be counted so late, with very many mailboxes a page or two later; a new letter,
# and what is read here, count at once.
UNREAD_KEPT_S = 20.0
# As long as nothing was seen in the account. No longer: two drains commit out of order, and a letter may be read in
# another account as well.
UNREAD_UNCHANGED_S = 120.0
# Of a search that somebody keeps: asked for beside each page, never before it.
SEARCHES_KEPT_S = 60.0
# Numbers that are kept, of each of the two: 1,000 users with 20 mailboxes each are 5 MB.
MOST_KEPT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Thread-safe; lives as long as the application. `close()` ends children and connections."""

    config: Config
    engine: Engine
    reader: Reader
    signatures: SignatureParser
    drawings: Drawings
    unread: Kept[int] = field(default_factory=lambda: Kept(UNREAD_KEPT_S, MOST_KEPT, UNREAD_UNCHANGED_S))
    searches: Kept[int] = field(default_factory=lambda: Kept(SEARCHES_KEPT_S, MOST_KEPT))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One database transaction: committed at the end, so what was put on record stands before a page is shown."""
        with self.engine.begin() as conn:
            yield conn

    def close(self) -> None:
        self.reader.close()
        self.signatures.close()
        self.drawings.close()
        self.engine.dispose()


def pages_engine(config: Config) -> Engine:
    """Connections for whoever is being waited for: none of them waits for ever."""
    return database.engine(config, Role.WEB, patience_s=PATIENCE_S)


def services() -> Services:
    """Those of the application that answers the request."""
    return cast(Services, current_app.extensions[EXTENSION])
