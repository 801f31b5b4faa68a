"""The collector in this process, on an archive of its own, in front of whatever upstream a test gives it."""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator

from sqlalchemy import Engine, func, select

from postbuch.archive import accounts, collect_choice, database
from postbuch.archive.collect_connection import LogIn
from postbuch.archive.collect_work import Provider
from postbuch.archive.collector import Collector
from postbuch.archive.config import Config, Upstream
from postbuch.archive.database import Role
from postbuch.archive.drain import Drain
from postbuch.archive.objects import ObjectStore
from postbuch.archive.schema import collect_mailbox, gap, image, mailbox, sighting, vanishing
from postbuch.archive.search import search
from postbuch.archive.spool import SpoolWriter, waiting
from provider.collector import Password
from provider.ports import wait_until


class Collecting:
    """Made by `collecting`; a drain works beside it."""

    def __init__(self, config: Config, engine: Engine, writer: SpoolWriter, port: int) -> None:
        self.config = config
        self.engine = engine
        self.writer = writer
        self.passwords: dict[int, Password] = {}
        upstream = config.upstream[0].model_copy(update={"imap": f"imap://127.0.0.1:{port}"})
        self.provider = Provider(upstream=Upstream.model_validate(upstream.model_dump()), trust=None)

    def account(self, address: str, password: str) -> int:
        with self.engine.begin() as conn:
            number = accounts.ensure_account(conn, address, "provider")
        self.passwords[number] = Password(user=address, password=password)
        return number

    def collector(self, *, once: bool = False, log_in: Callable[[int], LogIn | None] | None = None) -> Collector:
        return Collector(
            self.engine, self.writer, [self.provider], log_in or self.passwords.get, only=frozenset(self.passwords),
            once=once,
        )  # fmt: skip

    def once(self) -> None:
        """Collect everything and have it in the database."""
        self.collector(once=True).run(threading.Event())
        self.drained()

    @contextlib.contextmanager
    def steady(self) -> Iterator[Collector]:
        """The collector at work while the block runs."""
        stop, made = threading.Event(), self.collector()
        thread = threading.Thread(target=made.run, args=(stop,), name="collector")
        thread.start()
        try:
            yield made
        finally:
            stop.set()
            thread.join(60)
            assert not thread.is_alive()

    def drained(self) -> None:
        wait_until(lambda: not any((self.writer.folder / "tmp").iterdir()), "the spool's writer", patience_s=60)
        wait_until(lambda: not waiting(self.writer.folder), "the drain", patience_s=120)

    def row(self, address: str) -> dict[str, object]:
        with self.engine.connect() as conn:
            return next(each for each in collect_choice.progress(conn) if each["address"] == address)

    def digests(self, name: str = "") -> list[str]:
        """SHA-256 of each sighting in our accounts, of one mailbox or all."""
        query = (
            select(image.c.sha256).join(sighting, sighting.c.image_id == image.c.id)
            .where(sighting.c.account_id.in_(self.passwords))
        )  # fmt: skip
        if name:
            query = query.join(mailbox, mailbox.c.id == sighting.c.mailbox_id).where(mailbox.c.name == name)
        with self.engine.connect() as conn:
            return sorted(digest.hex() for digest in conn.scalars(query))

    def finds(self, words: str) -> bool:
        """Whether a search in our accounts finds anything."""
        with self.engine.connect() as conn:
            return search(conn, words, frozenset(self.passwords)).total > 0

    def gaps(self) -> list[str]:
        """Why messages of our accounts are known to be missing."""
        query = select(gap.c.reason).where(gap.c.account_id.in_(self.passwords)).order_by(gap.c.id)
        with self.engine.connect() as conn:
            return list(conn.scalars(query))

    def failures(self) -> list[str]:
        """What is wrong with the mailboxes of our accounts."""
        query = select(collect_mailbox.c.failure).join(mailbox, mailbox.c.id == collect_mailbox.c.mailbox_id)
        with self.engine.connect() as conn:
            ours = query.where(mailbox.c.account_id.in_(self.passwords), collect_mailbox.c.failure != "")
            return list(conn.scalars(ours))

    def vanished(self) -> int:
        """How many messages of our accounts are known to have disappeared."""
        query = select(func.count()).select_from(vanishing).join(mailbox, mailbox.c.id == vanishing.c.mailbox_id)
        with self.engine.connect() as conn:
            return conn.scalar(query.where(mailbox.c.account_id.in_(self.passwords))) or 0


@contextlib.contextmanager
def collecting(config: Config, port: int) -> Iterator[Collecting]:
    """The means to collect from an upstream on a loopback port; the database runs."""
    stop = threading.Event()
    engine = database.engine(config, Role.INGEST)
    drain = Drain(engine, config.data / "spool", ObjectStore(config.data))
    with SpoolWriter(config.data / "spool", reserve_octets=0) as writer:
        thread = threading.Thread(target=drain.run, args=(stop,), name="test-drain")
        thread.start()
        try:
            yield Collecting(config, engine, writer, port)
        finally:
            stop.set()
            thread.join(60)
            engine.dispose()


def letter(number: int, octets: int = 0) -> bytes:
    """A message that no other is, at least so long."""
    head = f"From: a@firma.example\r\nTo: b@firma.example\r\nSubject: Nummer {number}\r\n\r\n"
    return (head + f"Text {number}\r\n" + "x" * 70 + "\r\n" * 1).encode() + b"0123456789abcdef" * (octets // 16)


def digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()
