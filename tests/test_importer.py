"""Old mail comes in octet for octet, as often as one likes; every corpus message is among it."""

import gzip
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from growing import times_as_long
from sqlalchemy import func, select

from postbuch.archive import letters, mailfile, mbox
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


BEGIN = b"From a@x.example Mon Nov 23 10:00:00 2026"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_an_mbox_that_counts(tmp_path: Path, end: bytes, last: bool) -> None:
    """mboxcl2 quotes nothing: a line of a message that looks like the beginning of another one is its own."""
    body = end.join([b"one", b"", BEGIN, b"two", b"", BEGIN, b"", b"", BEGIN, b"three", b""])
    counted = b"Content-Length: %d" % len(body) + end + end + body
    path = tmp_path / "Archiv"
    plain = TWO.replace(b"\n", end)
    third = counted if last else plain
    path.write_bytes(b"".join(BEGIN + end + each + end for each in (counted, plain)) + BEGIN + end + third)
    assert octets_in(path) == [counted, plain, counted if last else plain[: -len(end)]]


@pytest.mark.parametrize("length", [3, 21, 10_000, 99_999_999_999])
def test_an_mbox_that_counts_otherwise(tmp_path: Path, length: int) -> None:
    """A count that leads nowhere is part of the message, and no message is swallowed by it."""
    message = b"Content-Length: %d\n\none\n" % length
    path = tmp_path / "Archiv"
    path.write_bytes((BEGIN + b"\n" + message + b"\n") * 5)
    assert octets_in(path) == [message] * 5


@pytest.mark.parametrize("length", [99_999_999_999, len(BEGIN) + 7])
def test_reading_ahead_from_message_to_message_is_linear(length: int) -> None:
    """A count that leads nowhere is believed once, and one that leads on costs its own message alone."""
    message = BEGIN + b"\nContent-Length: %d\n\n\n%b\nText\n\n" % (length, BEGIN)

    def work(count: int) -> None:
        list(mbox.read(message.splitlines(keepends=True) * count))

    assert times_as_long(work, 3000) < 8


def test_reading_ahead_in_one_message_is_linear() -> None:
    """Many lines in it that look like the beginning of another."""
    def work(count: int) -> None:
        body = [b"\n", BEGIN + b"\n"] * count
        assert len(list(mbox.read([BEGIN + b"\n", b"Content-Length: %d\n" % len(b"".join(body)), b"\n", *body]))) == 1

    assert times_as_long(work, 3000) < 8


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


def of_apple_mail(octets: bytes, length: int, flags: int) -> bytes:
    received = "<key>date-received</key><integer>1700000000</integer>"
    told = f"<dict>{received}<key>flags</key><integer>{flags}</integer></dict>"
    head = b'<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">'
    return b"%-10d\n" % length + octets + head + told.encode() + b"</plist>\n"


def test_apple_mail(tmp_path: Path) -> None:
    """The octets are the message alone; one that is cut, or whose attachments lie elsewhere, is told and not taken."""
    path = tmp_path / "4711.emlx"
    path.write_bytes(of_apple_mail(ONE, len(ONE), 1 | 16 | 7 << 10))
    [found] = messages_in(path)
    assert (found.octets, found.flags) == (ONE, ["\\Seen", "\\Flagged"])
    assert found.arrived == datetime.fromtimestamp(1_700_000_000, UTC)
    path.write_bytes(b"%d\n%b" % (len(TWO), TWO) + b"<plist><dict>")
    assert octets_in(path) == [TWO]
    for octets in (of_apple_mail(ONE, 1000, 0), b"no number\n" + ONE):
        path.write_bytes(octets)
        assert [(item.octets, item.reason) for item in messages_in(path)] == [(None, Incoming.CUT_OFF.value)]
    path.write_bytes(ONE)
    assert octets_in(path) == [ONE]
    path.unlink()
    for name in ("4711.partial.emlx", "4711.2.emlxpart"):
        (tmp_path / name).write_bytes(of_apple_mail(ONE, len(ONE), 1))
    reason = Incoming.WITHOUT_ATTACHMENTS.value
    assert [(item.octets, item.reason) for item in messages_in(tmp_path)] == [(None, reason)] * 2


def test_what_is_no_message_in_a_zip_of_a_macintosh(tmp_path: Path) -> None:
    """Each file has a hidden one beside it, which is no mail; as in a folder what is hidden is left out."""
    with zipfile.ZipFile(tmp_path / "mail.zip", "w") as archive:
        archive.writestr("a.eml", ONE)
        archive.writestr("__MACOSX/._a.eml", b"\0\5\x16\7")
    assert octets_in(tmp_path / "mail.zip") == [ONE]


def test_a_link_is_told(tmp_path: Path) -> None:
    """Nobody has to believe that what it leads to was taken in; a circle has an end."""
    (tmp_path / "a.eml").write_bytes(ONE)
    (tmp_path / "b").symlink_to(tmp_path)
    (tmp_path / "c.eml").symlink_to("a.eml")
    link = (None, Incoming.LINK.value)
    assert [(item.octets, item.reason) for item in messages_in(tmp_path)] == [(ONE, ""), link, link]
    assert octets_in(tmp_path / "c.eml") == [ONE]


def test_what_is_larger_than_any_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file, in a Maildir and in an mbox: refused, and no more of it is read into the memory than a message has."""
    monkeypatch.setattr(mailfile, "MAX_OCTETS", len(TWO))
    for folder in ("cur", "new"):
        (tmp_path / "Maildir" / folder).mkdir(parents=True)
    (tmp_path / "Maildir" / "cur" / "1").write_bytes(TWO + b"x")
    (tmp_path / "a.eml").write_bytes(TWO + b"x")
    (tmp_path / "b.eml").write_bytes(TWO)
    line = b"From a@x.example Mon Nov 23 10:00:00 2026\n"
    (tmp_path / "c.mbox").write_bytes(line + TWO + b"x\n\n" + line + ONE)
    large = (None, Incoming.TOO_LARGE.value)
    assert [(item.octets, item.reason) for item in messages_in(tmp_path)] == [large, large, (TWO, ""), large, (ONE, "")]


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
