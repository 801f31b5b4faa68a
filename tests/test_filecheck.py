"""The readable names of the attachments are those that the rows say; what is on its way is no finding."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import Engine

from postbuch.archive import filecheck, readable
from postbuch.archive.config import Config
from postbuch.archive.findings import Findings
from postbuch.archive.ingest import Ingester
from postbuch.archive.objects import ObjectStore
from postbuch.archive.parser import Parser
from provider.archive import fresh_archive, ingester, message_record
from provider.evidence import a_message

# Three files of one letter whose names come into each other's way; the second one has the name of the third.
FILES = (("r.pdf", "QUJD"), ("r.pdf", "REVG"), ("r-2.pdf", "R0hJ"))


def a_letter(files: Sequence[tuple[str, str]], subject: str) -> bytes:
    parts = "".join(
        f"--b\r\nContent-Type: application/pdf; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{text}\r\n"
        for name, text in files
    )
    head = f"From: a@x\r\nSubject: {subject}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return f"{head}{parts}--b--\r\n".encode()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Engine, Ingester]]:
    with fresh_archive(tmp_path_factory.mktemp("a")) as (config, engine), ingester(config, engine) as work:
        letter = a_letter(FILES, "names")
        work.ingest([message_record(letter), message_record(letter, account="bernd@firma.example")])
        yield config, engine, work


def found(engine: Engine, store: ObjectStore) -> list[tuple[str, str]]:
    findings = Findings()
    with engine.connect() as conn:
        filecheck.check_objects(conn, store, findings)
        filecheck.check_names(conn, store, findings)
    return [(each.kind, Path(each.where).name) for each in findings.listed]


def names(config: Config) -> list[Path]:
    return sorted(path for path in (config.data / "attachments").rglob("*") if path.is_file())


def test_names_in_each_others_way(archive: tuple[Config, Engine, Ingester]) -> None:
    """Each of them may be gone or another; it is told, `make` makes it again, and then nothing is found."""
    config, engine, _ = archive
    store = ObjectStore(config.data)
    mine = [path for path in names(config) if path.name.startswith("1-")]
    assert found(engine, store) == [] and len(mine) == 2 * len(FILES)
    for path in mine:
        octets = path.read_bytes()
        path.unlink()
        assert [kind for kind, _ in found(engine, store)] == ["name-missing"]
        path.write_bytes(b"xyz")
        assert found(engine, store) == [("name-changed", path.name)]
        path.unlink()
        with engine.connect() as conn:
            assert readable.make(conn, store, lambda done, total: None) == 1
        assert path.read_bytes() == octets and found(engine, store) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_an_attachment_under_two_names(archive: tuple[Config, Engine, Ingester], order: tuple[int, ...]) -> None:
    """Of a letter that has a file twice under names of their own neither may be lost, in whatever order they came."""
    config, engine, work = archive
    store = ObjectStore(config.data)
    files = [("s.pdf", "QUJD"), ("s-2.pdf", "QUJD"), ("s.pdf", "REVG")]
    before = set(names(config))
    letter = a_letter([files[place] for place in order], f"order {order}")
    work.ingest([message_record(letter)])
    made = sorted(set(names(config)) - before)
    assert found(engine, store) == [] and len(made) >= 2
    for path in made:
        path.unlink()
        assert found(engine, store) == [("name-missing", path.name)]
        with engine.connect() as conn:
            assert readable.make(conn, store, lambda done, total: None) >= 1
        assert found(engine, store) == []


def test_a_copy_without_hard_links(archive: tuple[Config, Engine, Ingester], tmp_path: Path) -> None:
    """On another disk the octets tell: all is well, what is made anew gives no name twice, and a change is found."""
    config, engine, _ = archive
    for name in ("objects", "attachments"):
        shutil.copytree(config.data / name, tmp_path / name)
    store = ObjectStore(tmp_path)
    assert found(engine, store) == []
    with engine.connect() as conn:
        assert readable.make(conn, store, lambda done, total: None) == 0
    path = next(path for path in (tmp_path / "attachments").rglob("*") if path.is_file())
    path.chmod(0o600)
    path.write_bytes(b"x" * path.stat().st_size)
    assert found(engine, store) == [("name-changed", path.name)]


def test_a_name_of_a_batch_that_was_broken_off(archive: tuple[Config, Engine, Ingester]) -> None:
    """The letter got another number when it was stored after all; the attachment is one of the archive."""
    config, engine, _ = archive
    path = names(config)[0]
    left = path.with_name("77777-" + path.name.partition("-")[2])
    left.hardlink_to(path)
    assert found(engine, ObjectStore(config.data)) == []
    left.unlink()


def test_a_name_of_no_letter(archive: tuple[Config, Engine, Ingester]) -> None:
    """An attachment under a name that nobody gave it, or in the folder of somebody who never got it, is told."""
    config, engine, work = archive
    work.ingest([message_record(a_letter([("geheim.pdf", "R0VIRUlN")], "geheim"), account="carla@firma.example")])
    [secret] = [path for path in names(config) if path.name.endswith("geheim.pdf")]
    for path in (secret.with_name("77777-harmlos.pdf"), names(config)[0].with_name("77777-geheim.pdf")):
        path.hardlink_to(secret)
        assert found(engine, ObjectStore(config.data)) == [("name-extra", path.name)]
        path.unlink()


class Meeting(ObjectStore):
    """An ingester of this store has named its files and does not commit before a check has met them."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.named, self.met = Event(), Event()

    def sync(self) -> None:
        self.named.set()
        self.met.wait()
        super().sync()

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        self.met.set()
        with super().at_rest():
            yield


@pytest.mark.parametrize("new", [True, False])
def test_what_is_on_its_way_is_no_finding(archive: tuple[Config, Engine, Ingester], new: bool) -> None:
    """Files are there before their rows: of a new letter, and the names of an old one for another account."""
    config, engine, _ = archive
    store = Meeting(config.data)
    account, letter = ("anna@firma.example", a_message(51)) if new else ("carla@firma.example", a_message(50))
    if not new:
        with ingester(config, engine) as work:
            work.ingest([message_record(letter)])
    thread = Thread(target=_ingest, args=(engine, store, account, letter))
    thread.start()
    try:
        store.named.wait()
        assert found(engine, store) == []
        assert store.met.is_set()
    finally:
        store.met.set()
        thread.join()
    assert found(engine, ObjectStore(config.data)) == []


def _ingest(engine: Engine, store: ObjectStore, account: str, letter: bytes) -> None:
    with Parser() as parser:
        Ingester(engine, store, parser).ingest([message_record(letter, account=account)])
