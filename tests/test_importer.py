"""Old mail comes in octet for octet, as often as one likes; every corpus message is among it."""

import gzip
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from postbuch.archive import letters
from postbuch.archive.importer import ItemResult, import_paths
from postbuch.archive.mailfile import messages_in
from postbuch.archive.reasons import Incoming
from postbuch.archive.schema import header_summary, image, refusal, sighting, spool_file
from provider.archive import ACCOUNT, fresh_archive
from provider.corpus import corpus_files, corpus_folder

ONE = b"From: a@x.example\r\nSubject: one\r\n\r\nText\r\n"
TWO = b"From: b@x.example\nSubject: two\n\n>From here on\nFrom there\n\n"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with fresh_archive(tmp_path_factory.mktemp("a")) as made:
        yield made


def octets_in(path: Path) -> list[bytes | None]:
    return [item.octets for item in messages_in(path)]


def test_eml(tmp_path: Path) -> None:
    """One file, one message; a From_ line at its head is part of it; an empty one is a message without octets."""
    (tmp_path / "a.eml").write_bytes(ONE)
    (tmp_path / "b.eml").write_bytes(b"From x Mon Nov 23 10:00:00 2026\n" + TWO)
    (tmp_path / "c.eml").write_bytes(b"")
    (tmp_path / ".hidden").write_bytes(b"x")
    assert octets_in(tmp_path) == [ONE, b"From x Mon Nov 23 10:00:00 2026\n" + TWO, b""]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_mbox(tmp_path: Path, end: bytes) -> None:
    """Between From_ lines; `>From ` and a `From ` without a time stay as they are; the separating line is dropped."""
    line = b"From a@x.example Mon Nov 23 10:00:00 2026" + end
    text = TWO.replace(b"\n", end)
    path = tmp_path / "Archiv"
    path.write_bytes(line + text + end + line + text + end + line + text)
    assert octets_in(path) == [text, text, text[: -len(end)]]
    assert [item.source for item in messages_in(path)] == [f"{path}#1", f"{path}#2", f"{path}#3"]


def test_maildir(tmp_path: Path) -> None:
    """Messages with flags and time of delivery, sub-folders too, and none of the server's own files."""
    for folder in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "cur" / "1700000000.M1.host:2,RSX").write_bytes(ONE)
    (tmp_path / "new" / "strange").write_bytes(TWO)
    (tmp_path / "tmp" / "half").write_bytes(b"half")
    (tmp_path / "dovecot.index").write_bytes(b"index")
    (tmp_path / ".Sent" / "cur" / "1700000001.M2.host:2,").write_bytes(b"sent")
    found = {item.octets: item for item in messages_in(tmp_path)}
    assert set(found) == {ONE, TWO, b"sent"}
    assert found[ONE].flags == ["\\Answered", "\\Seen"]
    arrived = found[ONE].arrived
    assert arrived is not None and arrived.timestamp() == 1_700_000_000 and found[TWO].arrived is None


def broken_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../a.eml", ONE)
        archive.writestr("b.mbox", b"From x Mon Nov 23 10:00:00 2026\n" + TWO)
        archive.writestr("folder/", b"")
        archive.writestr("c.eml", b"broken here")
    path.write_bytes(path.read_bytes().replace(b"broken here", b"brokeN here"))


def test_zip(tmp_path: Path) -> None:
    """EML and mbox in a ZIP; a broken member is told, the others come."""
    path = tmp_path / "mail.zip"
    broken_zip(path)
    assert octets_in(path) == [ONE, TWO[:-1], None]
    path.write_bytes(path.read_bytes()[:50])
    assert [(item.octets, item.reason) for item in messages_in(path)] == [(None, Incoming.OTHER_KIND.value)]


def zipped(octets: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.eml", octets)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("mail.mbox.gz", gzip.compress(ONE * 9, mtime=0)), ("outlook.pst", b"!BDN" + bytes(508)),
        ("mail.tar", b"a.eml" + bytes(507)), ("cut.zip", zipped(ONE * 9)[:-40]),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    ],
)  # fmt: skip
def test_what_cannot_be_mail_is_refused(tmp_path: Path, name: str, octets: bytes) -> None:
    """It would stay for good; alike as a file, in a folder and in a ZIP. By its octets: a message may be called so."""
    (tmp_path / name).write_bytes(octets)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(name, octets)
    found = list(messages_in(tmp_path))
    assert [(item.octets, item.reason) for item in found] == [(None, Incoming.OTHER_KIND.value)] * 2
    (tmp_path / name).write_bytes(ONE)
    assert octets_in(tmp_path / name) == [ONE]


@pytest.mark.parametrize("octets", [b"no header\n", b"X:\0\0\r\n\r\n", b"Subject : a\n\n\0", b"J\xfcrgen\n"])
def test_odd_mail_is_kept(tmp_path: Path, octets: bytes) -> None:
    """What may be a message is one, whatever the file is called."""
    (tmp_path / "4711").write_bytes(octets)
    assert octets_in(tmp_path / "4711") == [octets]


def test_an_empty_file_is_an_mbox_without_messages(tmp_path: Path) -> None:
    """As of each folder of Thunderbird that nothing was ever put into."""
    (tmp_path / "Trash").write_bytes(b"")
    assert octets_in(tmp_path) == []


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """In a folder it is refused, and what stands beside it comes."""
    os.mkfifo(tmp_path / "a")
    (tmp_path / "b.eml").write_bytes(ONE)
    assert [(item.octets, item.reason) for item in messages_in(tmp_path)] == [(None, Incoming.NO_FILE.value), (ONE, "")]


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """And the others come. The name is too long for the system; no permission does the same to others than root."""
    (tmp_path / "b.eml").write_bytes(ONE)
    [found] = messages_in(tmp_path / ("x" * 300))
    assert found.octets is None and found.reason == "cannot be read: File name too long"


def run(archive: Any, path: Path, **more: Any) -> list[ItemResult]:
    return list(import_paths(archive[0], [path], ACCOUNT, **more))


def books(engine: Any) -> tuple[int, int]:
    with engine.connect() as conn:
        seen = conn.scalar(select(func.sum(spool_file.c.messages))) or 0
        there = [conn.scalar(select(func.count()).select_from(table)) or 0 for table in (sighting, refusal)]
    return int(seen), sum(there)


def test_second_run_adds_nothing(archive: Any, tmp_path: Path) -> None:
    """new, then known; the same mail twice is known the second time; a refusal is on record once."""
    (tmp_path / "a.eml").write_bytes(ONE)
    broken_zip(tmp_path / "b.zip")
    seen: list[ItemResult] = []
    first = run(archive, tmp_path, progress=seen.append)
    assert [item.result for item in first] == ["new", "known", "new", "refused"] and seen == first
    assert first[0].id == first[1].id and "cannot be read" in first[3].reason and first[3].refused
    before = books(archive[1])
    again = run(archive, tmp_path)
    assert [item.result for item in again] == ["known", "known", "known", "refused"]
    assert before == books(archive[1]) and before[0] == before[1]
    other = run(archive, tmp_path, mailbox="Anders")
    assert [item.result for item in other][:1] == ["new"] and other[0].id == first[0].id


def test_every_corpus_message(archive: Any) -> None:
    """All of the corpus by import: each has its SHA-256 in the archive and comes back; the books balance."""
    config, engine = archive
    found = run(archive, corpus_folder())
    assert not [item for item in found if item.refused]
    whole = [path for path in corpus_files() if path.suffix != ".mbox"]
    results = {item.source: item for item in found}
    for path in whole:
        assert results[str(path)].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    digests = {item.sha256 for item in found}
    with engine.connect() as conn:
        rows = list(conn.execute(select(image.c.id, image.c.sha256, image.c.size_octets)))
        assert digests <= {row.sha256.hex() for row in rows}
        for row in rows:
            octets = letters.octets(conn, config, row.id)
            assert len(octets) == row.size_octets and hashlib.sha256(octets).digest() == row.sha256
        assert conn.scalar(select(func.count()).select_from(header_summary)) == len(rows)
    seen, there = books(engine)
    assert seen == there
    assert {item.result for item in run(archive, corpus_folder())} <= {"known", "new"}
    assert books(engine) == (seen, there)
