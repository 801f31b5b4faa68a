"""An archive of its own for a test or a benchmark: data folder, database, connections, and records to put into it."""

import atexit
import contextlib
import functools
import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from postbuch.archive import database, setup
from postbuch.archive.config import Config, parse
from postbuch.archive.database import Role
from postbuch.archive.extract_work import ExtractWork
from postbuch.archive.ingest import Ingester
from postbuch.archive.objects import ObjectStore
from postbuch.archive.parser import Parser
from postbuch.archive.record import EVENT, MESSAGE, Record, new_capture

ACCOUNT = "anna@firma.example"


def config_in(folder: Path) -> Config:
    """A configuration with the data below the folder and one upstream for firma.example."""
    upstream = {
        "name": "provider", "domains": ["firma.example"], "imap": "imaps://imap.provider.example",
        "submission": "smtps://smtp.provider.example",
    }
    return parse({"data_dir": "data", "upstream": [upstream], "dns": {"enabled": False}}, folder / "postbuch.toml")


def new_database(config: Config) -> None:
    """What `setup.initialise` leaves, in two tenths of a second for two seconds: it is made once a process, and copied.

    For a private server whose data folder has no database yet.
    """
    config.data.mkdir(parents=True, exist_ok=True)
    # Three quarters of it are the empty log of InnoDB, which cp(1) writes as a hole.
    subprocess.run(["cp", "--archive", "--sparse=always", *_first_database(), config.data], check=True)


@functools.cache
def _first_database() -> list[Path]:
    """The database as its server left it, and the passwords of its users."""
    folder = tempfile.TemporaryDirectory(prefix="postbuch-set-up-")
    atexit.register(folder.cleanup)
    config = config_in(Path(folder.name))
    setup.initialise(config)
    return [config.data / "mariadb", config.data / "keys"]


@contextlib.contextmanager
def fresh_archive(folder: Path) -> Iterator[tuple[Config, Engine]]:
    """A database with all tables, running; an engine as the user `ingest`."""
    config = config_in(folder)
    new_database(config)
    with database.running(config):
        engine = database.engine(config, Role.INGEST)
        try:
            yield config, engine
        finally:
            engine.dispose()


@contextlib.contextmanager
def ingester(config: Config, engine: Engine) -> Iterator[Ingester]:
    """An ingester with its parser child."""
    with Parser() as parser:
        yield Ingester(engine, ObjectStore(config.data), parser)


def read_files(config: Config, engine: Engine) -> None:
    """Read all attachments that wait for their words, as the archive process does by the clock."""
    with contextlib.closing(ExtractWork(config, engine)) as job:
        while job.waiting != 0:
            job.look()


def message_facts(**facts: Any) -> dict[str, Any]:
    """The facts of a fetched message, as the proxy gives them to the spool, changed by what is given."""
    return {
        "source": "fetch", "account": ACCOUNT, "upstream": "provider", "mailbox": "INBOX", "mailbox_utf8": False,
        "uidvalidity": 1, "uid": None, "flags": [], "internal_date": None, "session": "s1",
        "client_address": "127.0.0.1", "seen_at": "2026-11-23T12:00:00+00:00", "normalised": False, **facts,
    }


def message_record(octets: bytes, **facts: Any) -> Record:
    """A record as the drain reads it."""
    whole = {
        "kind": "message", "capture": new_capture().hex(), **message_facts(**facts),
        "sha256": hashlib.sha256(octets).hexdigest(), "size_octets": len(octets),
    }
    return Record(kind=MESSAGE, facts=whole, octets=octets, size_octets=len(octets))


def event_record(**facts: Any) -> Record:
    """An event as the drain reads it."""
    whole = {"kind": "event", "capture": new_capture().hex(), "at": "2026-11-23T12:00:00+00:00", **facts}
    return Record(kind=EVENT, facts=whole, octets=None, size_octets=0)
