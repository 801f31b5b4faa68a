"""A real archive for tests of the web mail client: a private MariaDB, the firm's mail and hostile mail in it, users."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import insert, select
from tallied import catch_up

from postbuch.archive import collect_choice, database, topics, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.ingest import Ingester
from postbuch.archive.objects import ObjectStore
from postbuch.archive.parser import Parser
from postbuch.archive.record import EVENT, MESSAGE, Record, new_capture
from postbuch.archive.schema import collect_account, collect_mailbox, mailbox
from postbuch.webmail.app import create_app
from postbuch.webmail.login import limiter
from postbuch.webmail.services import EXTENSION
from provider.archive import new_database

ADMIN, ADMIN_PASSWORD = "admin@firma.example", "admin-Postbuch-1"
ANNA, ANNA_PASSWORD = "anna@firma.example", "anna-Postbuch-1"
NOBODY, NOBODY_PASSWORD = "neu@firma.example", "neu-Postbuch-1"


@dataclass(kw_only=True)
class Filling:
    """Messages as the drain would find them in the spool, in order."""

    records: list[Record] = field(default_factory=list)
    uid: int = 0

    def add(
        self, octets: bytes, account: str, *, mailbox: str | None = "INBOX", source: str = "fetch",
        at: datetime | None = None, envelope: dict[str, Any] | None = None, flags: Sequence[str] = (),
    ) -> str:
        """One message; gives its capture in hex."""
        self.uid += 1
        moment = (at or datetime.now(UTC)).isoformat()
        capture = new_capture().hex()
        facts: dict[str, Any] = {
            "kind": "message", "capture": capture, "source": source, "account": account, "upstream": "provider",
            "mailbox": mailbox, "mailbox_utf8": True, "uidvalidity": 1 if mailbox else None,
            "uid": self.uid if mailbox else None, "flags": list(flags), "internal_date": moment if mailbox else None,
            "session": "test", "client_address": "192.0.2.7", "seen_at": moment, "normalised": False,
            "sha256": hashlib.sha256(octets).hexdigest(), "size_octets": len(octets),
        }
        if envelope is not None:
            facts["envelope"] = envelope
        self.records.append(Record(kind=MESSAGE, facts=facts, octets=octets, size_octets=len(octets)))
        return capture

    def outcome(self, capture: str, verdict: str = "accepted", code: int = 250, text: str = "2.0.0 queued") -> None:
        """What upstream answered to a message."""
        facts = {
            "kind": "event", "event": "outcome", "capture": new_capture().hex(), "of": capture, "verdict": verdict,
            "code": code, "text": text, "uidvalidity": None, "uid": None, "at": datetime.now(UTC).isoformat(),
        }
        self.records.append(Record(kind=EVENT, facts=facts, octets=None, size_octets=0))


def ingest(config: Config, records: Iterable[Record]) -> None:
    """Store them as the archive process does."""
    engine = database.engine(config, Role.INGEST)
    with Parser() as parser:
        Ingester(engine, ObjectStore(config.data), parser).ingest(list(records))
    catch_up(engine)
    with engine.begin() as conn:
        while topics.follow(conn):
            pass
    engine.dispose()


@contextmanager
def archive(folder: Path, listen: str) -> Iterator[Config]:
    """The database with its users, one admin who may read everything, one employee, one who may read nothing yet."""
    config = Config.model_validate({
        "data_dir": str(folder),
        "web": {"listen": f"http://{listen}", "public_url": f"http://{listen}"},
        "imap": {"listen": ["127.0.0.1:1"]},
        "submission": {"listen": ["127.0.0.1:2"]},
    })
    if not (folder / "mariadb").exists():
        new_database(config)
    with database.running(config):
        with database.connection(config, Role.OWNER) as conn:
            if users.find_user(conn, ADMIN) is None:
                users.create_user(conn, ADMIN, role="admin", password=ADMIN_PASSWORD)
                users.grant(conn, ADMIN, None, by="test")
                users.create_user(conn, ANNA, password=ANNA_PASSWORD)
                users.create_user(conn, NOBODY, password=NOBODY_PASSWORD)
        yield config


@contextmanager
def application(config: Config) -> Iterator[Flask]:
    """The pages, without a process of their own; nobody has been slowed yet."""
    app = create_app(config)
    app.wsgi_app = _as_a_server_sends(app.wsgi_app)  # type: ignore[method-assign] # as Flask's own documentation does
    limiter.reset()
    try:
        yield app
    finally:
        app.extensions[EXTENSION].close()


def _as_a_server_sends(pages: Any) -> Any:
    """Flask's test client takes any text for a header field; a server takes Latin-1 (PEP 3333), and ours are ASCII."""

    def answer(environ: Any, start: Any) -> Any:
        def begin(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            for name, value in headers:
                assert value.isascii(), (name, value)
            return start(status, headers, *rest)

        return pages(environ, begin)

    return answer


def firm_mail(filling: Filling, now: datetime) -> None:
    """The mail of the demo's firm, as seen by its mail programs."""
    from provider import firm

    for delivery in firm.mail(now):
        filling.add(
            delivery.octets, f"{delivery.owner.address}", mailbox=delivery.mailbox, at=delivery.at,
            flags=["\\Seen"] if delivery.seen else [],
        )


def collected(config: Config) -> None:
    """What a collector would have written: the first account complete, the second not, of the others nothing."""
    now = datetime.now(UTC).replace(tzinfo=None)
    with database.connection(config, Role.OWNER) as conn:
        boxes: dict[int, list[int]] = {}
        for number, owner in conn.execute(select(mailbox.c.id, mailbox.c.account_id).order_by(mailbox.c.account_id)):
            boxes.setdefault(owner, []).append(number)
        for place, (owner, numbers) in enumerate(list(boxes.items())[:2]):
            reason = "2 messages cannot be had: upstream lists the message and does not give it out (UID 30,60)"
            conn.execute(insert(collect_account).values(
                account_id=owner, state="idle", told_at=now, finished_at=now, wanted=9, fetched=9
            ))  # fmt: skip
            for number in numbers:
                lost = 2 * (place == 1 and number == numbers[0])
                conn.execute(insert(collect_mailbox).values(
                    mailbox_id=number, uidvalidity=1, uidnext=1300, messages=1234, listed=1234, archived=1234 - lost,
                    looked_at=now, swept_at=now, failure=reason if lost else "",
                ))  # fmt: skip
            collect_choice.exclude(conn, owner, ["Junk"], ADMIN)


def old(days: int) -> datetime:
    """A moment that many days ago."""
    return datetime.now(UTC) - timedelta(days=days)
