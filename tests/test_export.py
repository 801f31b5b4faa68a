"""What goes out has the digests of what came in: mbox, single files, and a ZIP that a fresh installation takes up."""

import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select

from postbuch.archive import export, exportfile, manifest, mbox, zipstream
from postbuch.archive.errors import UsageError
from postbuch.archive.export import Export, Missing
from postbuch.archive.importer import import_paths
from postbuch.archive.mailfile import is_export, messages_in
from postbuch.archive.schema import account, image, mailbox, sighting
from postbuch.archive.users import ALL, Rights
from postbuch.archive.zipstream import ZipStream
from provider.archive import ACCOUNT, fresh_archive, ingester, message_record
from provider.corpus import corpus_folder
from provider.evidence import a_message

BERND = "bernd@firma.example"
AT = datetime(2026, 11, 23, 10, 0, 1)
# What is hard to tell from a line of the file's own.
_LINES = st.sampled_from([
    b"From ", b">From ", b"From x Mon Nov 23 10:00:00 2026", b">>From a", b"", b" ", b"\r", b"a", b"\xff\0",
])  # fmt: skip
_MESSAGES = st.lists(st.tuples(_LINES, st.sampled_from([b"\n", b"\r\n", b"", b"\r"])), max_size=6).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(st.lists(_MESSAGES, min_size=1, max_size=4))
@example([b"", b"\n", b"\n\n", b"x", b"From a@x Mon Nov 23 10:00:00 2026\n\nFrom b\n"])
def test_mbox_is_reversible(messages: list[bytes]) -> None:
    """Invariant 1: any octets come back from an mbox of ours, each with its time, in order."""
    text = b"".join(mbox.written(each, AT) for each in messages)
    found = list(mbox.read(io.BytesIO(text)))
    assert [each.octets for each in found] == messages
    assert {each.arrived for each in found} == {AT.replace(tzinfo=UTC)}
    assert mbox.is_mbox(text, "Archiv")


def test_an_mbox_that_was_changed_is_read_as_it_lies_there() -> None:
    """A digest that does not fit: nothing is unquoted, nothing is taken for granted."""
    text = mbox.written(b"a\nFrom b\n", AT).replace(b"a\n", b"A\n")
    assert [each.octets for each in mbox.read(io.BytesIO(text))] == [b"A\n>From b\n"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The corpus, and messages in two accounts and several mailboxes, one of them submitted only."""
    with fresh_archive(tmp_path_factory.mktemp("a")) as made:
        config, engine = made
        list(import_paths(config, [corpus_folder()], ACCOUNT, "Corpus"))
        with ingester(config, engine) as work:
            seen = {"flags": ["\\Seen", "$Forwarded"], "internal_date": "2026-11-20T08:00:00+01:00"}
            work.ingest([
                message_record(a_message(1), mailbox="INBOX", **seen),
                message_record(a_message(1), mailbox="Projekte/Über:uns", mailbox_utf8=True),
                message_record(a_message(1), mailbox="projekte/über_uns", mailbox_utf8=True),
                message_record(a_message(1), mailbox="INBOX", account=BERND),
                message_record(a_message(2), mailbox="../../etc", account=BERND),
                message_record(a_message(3), source="submission", mailbox=None),
            ])
        yield config, engine


def found_in(archive: Any, query: str = "", rights: Rights = ALL) -> Export:
    config, engine = archive
    with engine.connect() as conn:
        return Export(engine, config, rights, export.find(conn, query, rights))


def write_zip(archive: Any, path: Path, query: str = "", rights: Rights = ALL) -> list[Missing]:
    missing: list[Missing] = []
    list(exportfile.write_zip(path, found_in(archive, query, rights), missing, {"query": query}, replace=False))
    return missing


def sightings(engine: Any) -> Counter[tuple[Any, ...]]:
    """What a manifest keeps of each place where an image was: its digest, account, mailbox, flags, INTERNALDATE."""
    query = (
        select(image.c.sha256, account.c.address, mailbox.c.name, sighting.c.flags, sighting.c.internal_date)
        .join(sighting, sighting.c.image_id == image.c.id).join(account, account.c.id == sighting.c.account_id)
        .join(mailbox, mailbox.c.id == sighting.c.mailbox_id, isouter=True)
    )
    with engine.connect() as conn:
        return Counter(tuple(row) for row in conn.execute(query))


def test_a_zip_comes_back_in_a_fresh_installation(archive: Any, tmp_path: Path) -> None:
    """Invariant 1: everything out as a ZIP, into an empty archive: same digests, accounts, mailboxes, flags, times."""
    path = tmp_path / "all.zip"
    assert write_zip(archive, path) == [] and is_export(path)
    with fresh_archive(tmp_path / "fresh") as fresh:
        results = list(import_paths(fresh[0], [path]))
        assert {each.result for each in results} <= {"new", "known"} and len(results) > 100
        before, after = sightings(archive[1]), sightings(fresh[1])
        assert set(before) == set(after)
        again = list(import_paths(fresh[0], [path]))
        assert {each.result for each in again} == {"known"} and sightings(fresh[1]) == after


def test_others_can_read_the_zip(archive: Any, tmp_path: Path) -> None:
    """`sha256sum --check` and zipfile find every file; the tree has an account and a mailbox; no name leaves it."""
    path = tmp_path / "all.zip"
    write_zip(archive, path)
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None
        packed.extractall(tmp_path / "out")
        told = json.loads(packed.read(manifest.NAME))
        names = set(packed.namelist())
    assert told["format"] == manifest.FORMAT and told["missing"] == [] and told["files"] == len(told["messages"])
    assert names == {each["file"] for each in told["messages"]} | {manifest.NAME, manifest.SUMS}
    for each in told["messages"]:
        octets = (tmp_path / "out" / each["file"]).read_bytes()
        assert (hashlib.sha256(octets).hexdigest(), len(octets)) == (each["sha256"], each["size_octets"])
    checked = subprocess.run(
        ["sha256sum", "--check", "--quiet", manifest.SUMS], cwd=tmp_path / "out", capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout
    folders = {each["file"].rpartition("/")[0] for each in told["messages"]}
    assert {f"{ACCOUNT}/INBOX", f"{ACCOUNT}/_submitted", f"{BERND}/_/_/etc"} <= folders
    assert {f"{ACCOUNT}/Projekte/Über_uns", f"{ACCOUNT}/projekte/über_uns-2"} <= folders


def test_a_changed_zip_is_told(archive: Any, tmp_path: Path) -> None:
    """A member with other octets, and one that is gone, are refused with the reason; a foreign file comes as it is."""
    whole, changed = tmp_path / "whole.zip", tmp_path / "changed.zip"
    write_zip(archive, whole, "filename:r.pdf")
    with zipfile.ZipFile(whole) as before, zipfile.ZipFile(changed, "w") as after:
        names = [name for name in before.namelist() if name.endswith(".eml")]
        for name in before.namelist():
            octets = before.read(name)
            if name == names[0]:
                octets = octets.replace(b"Text", b"Pext")
            if name != names[1]:
                after.writestr(name, octets)
        after.writestr("more.eml", b"Subject: more\n\n")
    items = list(messages_in(changed))
    reasons = [item.reason for item in items if item.octets is None]
    assert sorted(reasons) == [
        "does not have the SHA-256 that the manifest names", "is named in the manifest and not in the ZIP",
    ]
    assert [item.octets for item in items if item.octets is not None and item.origin is None] == [
        b"Subject: more\n\n"
    ]


def test_mbox_and_files(archive: Any, tmp_path: Path) -> None:
    """Invariant 1: every image of the corpus by mbox and by files: the digests that the archive has."""
    with archive[1].connect() as conn:
        digests = sorted(each.hex() for each in conn.scalars(select(image.c.sha256)))
    box, folder = tmp_path / "all.mbox", tmp_path / "all"
    for messages in (
        exportfile.write_mbox(box, export.read(found_in(archive), []), replace=False),
        exportfile.write_folder(folder, export.read(found_in(archive), [])),
    ):
        assert sorted(each.sha256 for each in messages) == digests
    for path in (box, folder):
        items = [item.octets for item in messages_in(path)]
        assert sorted(hashlib.sha256(octets or b"").hexdigest() for octets in items) == digests


def test_only_what_may_be_read(archive: Any, tmp_path: Path) -> None:
    """Rights are part of the query: neither letters nor places nor counts of another account."""
    _, engine = archive
    with engine.connect() as conn:
        bernd = conn.scalar(select(account.c.id).where(account.c.address == BERND))
    assert len(found_in(archive, "", frozenset()).letters) == 0
    found = found_in(archive, "", frozenset({bernd}))
    places = [(place.account, place.mailbox) for message in found.messages() for place in message.places]
    assert sorted(places) == [(BERND, "../../etc"), (BERND, "INBOX")]
    with engine.connect() as conn:
        images, octets = export.volume(conn, found.letters, frozenset({bernd}))
    assert (images, octets) == (2, len(a_message(1)) + len(a_message(2)))


def test_nothing_is_half_there(archive: Any, tmp_path: Path) -> None:
    """Broken off, or with something under that name already: what was there stays, and no other file."""
    path, folder = tmp_path / "a.zip", tmp_path / "folder"
    path.write_bytes(b"mine")
    folder.mkdir()
    (folder / "mine").touch()
    for messages in (
        exportfile.write_zip(path, found_in(archive), [], {}, replace=False),
        exportfile.write_folder(folder, export.read(found_in(archive), [])),
    ):
        with pytest.raises(UsageError, match=r"empty|force"):
            next(messages)
    begun = exportfile.write_zip(path, found_in(archive), [], {}, replace=True)
    next(begun)
    begun.close()  # type: ignore[attr-defined] # a generator
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.zip", "folder"] and path.read_bytes() == b"mine"
    with pytest.raises(UsageError, match="cannot be written"):
        next(exportfile.write_mbox(tmp_path / "no" / "b.mbox", export.read(found_in(archive), []), replace=False))


def test_a_damaged_message_is_told(archive: Any, tmp_path: Path) -> None:
    """An attachment that is gone keeps no other message from going out; the manifest names the one."""
    config, _ = archive
    [message] = found_in(archive, "filename:r.pdf Text 3").messages()
    objects = config.data / "objects"
    shutil.move(objects, tmp_path / "away")
    try:
        missing = write_zip(archive, tmp_path / "a.zip", "filename:r.pdf")
    finally:
        shutil.move(tmp_path / "away", objects)
    assert message.sha256 in {each.sha256 for each in missing}
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        told = json.loads(packed.read(manifest.NAME))
    assert {each["sha256"] for each in told["missing"]} == {each.sha256 for each in missing}


@pytest.mark.parametrize("limit", [1, 60, 1000])
def test_zip64(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """The wide fields are as other programs read them, from whichever number on they are needed."""
    monkeypatch.setattr(zipstream, "_LIMIT_32", limit)
    monkeypatch.setattr(zipstream, "_LIMIT_16", 2)
    members = {"ä/1.eml": b"abc" * 100, "2.eml": b"", "3.eml": b"x"}
    with ZipStream() as made:
        pieces = [piece for name, octets in members.items() for piece in made.message(name, octets, AT)]
        pieces += [*made.file("sums", io.BytesIO(b"sums" * 50), AT), *made.end()]
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as packed:
        assert packed.testzip() is None and {name: packed.read(name) for name in members} == members
        assert packed.read("sums") == b"sums" * 50 and packed.infolist()[0].date_time == (2026, 11, 23, 10, 0, 0)
