"""Attachments as files: once by digest, readable by name, and names that harm nobody."""

import hashlib
import os
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive.errors import NotFound
from postbuch.archive.objects import ObjectStore, ObjectsUnwritable, safe_name

AT = datetime(2026, 11, 23, 12, 0)


def stored(store: ObjectStore, payload: bytes) -> bytes:
    digest = hashlib.sha256(payload).digest()
    store.put({digest: payload})
    return digest


def test_put_and_read(tmp_path: Path) -> None:
    """An object is a read-only file under its digest and comes back."""
    store = ObjectStore(tmp_path)
    digest = stored(store, b"invoice")
    store.sync()
    assert store.read(digest) == b"invoice"
    path = tmp_path / "objects" / digest.hex()[:2] / digest.hex()[2:4] / digest.hex()
    assert path.stat().st_mode & 0o777 == 0o440
    with pytest.raises(NotFound):
        store.read(bytes(32))


def test_half_a_file_of_a_crash_is_replaced(tmp_path: Path) -> None:
    """A file that a crash left behind is not taken for the object."""
    store = ObjectStore(tmp_path)
    digest = hashlib.sha256(b"whole").digest()
    store.path(digest).parent.mkdir(parents=True)
    store.path(digest).write_bytes(b"wh")
    stored(store, b"whole")
    assert store.read(digest) == b"whole"
    assert [item.name for item in store.path(digest).parent.iterdir()] == [digest.hex()]


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    """Invariant 2: two ingesters meet the same attachment at once, and what one has synced stays the file it was.

    Else a crash before the sync of the other would take the octets of a committed message, and the readable name
    would be another file.
    """
    store = ObjectStore(tmp_path)
    digest = stored(store, b"invoice")
    path = store.link(digest, AT, "anna@firma.example", 7, "invoice.pdf")
    stored(ObjectStore(tmp_path), b"invoice")
    assert path.samefile(store.path(digest))
    assert store.link(digest, AT, "anna@firma.example", 7, "invoice.pdf") == path
    assert [item.name for item in store.path(digest).parent.iterdir()] == [digest.hex()]


def test_two_threads_at_the_same_attachment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither writes into the file of the other, which may be committed by then."""
    store, payload = ObjectStore(tmp_path), b"invoice" * 1000
    write = os.write
    beside: list[int] = []

    def slow(handle: int, octets: memoryview) -> int:
        beside.append(handle)
        if len(beside) == 1:
            stored(store, payload)
        return write(handle, octets[:4000])

    monkeypatch.setattr(os, "write", slow)
    digest = stored(store, payload)
    assert len(beside) > 2 and store.read(digest) == payload


def test_links_by_readable_names(tmp_path: Path) -> None:
    """The tree has the same file by hard link; another file of the same name gets a number."""
    store = ObjectStore(tmp_path)
    one, two = stored(store, b"1"), stored(store, b"2")
    path = store.link(one, AT, "anna@firma.example", 7, "Rechnung März.pdf")
    assert path == tmp_path / "attachments/2026/11/23/anna@firma.example/7-Rechnung März.pdf"
    assert path.samefile(store.path(one))
    assert store.link(one, AT, "anna@firma.example", 7, "Rechnung März.pdf") == path
    assert store.link(two, AT, "anna@firma.example", 7, "Rechnung März.pdf").name == "7-Rechnung März-2.pdf"
    assert store.link(two, AT, "../..", 8, "../../../etc/passwd").parent.name == "_"
    store.sync()
    for found in (tmp_path / "attachments").rglob("*"):
        assert found.is_dir() or found.stat().st_nlink > 1


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "_._etc_passwd"),
        ("C:\\Windows\\system32.dll", "C__Windows_system32.dll"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x00b\r\nc\x1b[31m.txt", "abc[31m.txt"),
        ("", "attachment"),
        ("...", "attachment"),
        ("  . ", "attachment"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("trailing. . ", "trailing"),
        ("\ud800x.pdf", "x.pdf"),
        ("Übersicht – 2026 😀.xlsx", "Übersicht – 2026 😀.xlsx"),
        ("line\u2028end.txt", "line end.txt"),
    ],
)
def test_names_that_harm_nobody(name: str, safe: str) -> None:
    """Traversal, control characters, direction marks, reserved names: gone; people's names stay."""
    assert safe_name(name) == safe


def test_long_names_keep_their_extension() -> None:
    """Length counts in octets and the extension stays."""
    assert safe_name("ü" * 300 + ".pdf").endswith("ü.pdf")
    assert len(safe_name("ü" * 300 + ".pdf").encode()) <= 180
    assert len(safe_name("a." + "x" * 400).encode()) <= 180


@given(st.text())
def test_any_name_is_one_component(name: str) -> None:
    """Whatever a sender writes, it is one file name, neither hidden nor empty."""
    safe = safe_name(name)
    assert safe and "/" not in safe and "\x00" not in safe and safe not in (".", "..")
    assert len(safe.encode()) <= 200 and not safe.startswith(".")
    assert safe_name(safe) == safe


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(max_size=5))
def test_any_name_can_be_a_file(tmp_path_factory: pytest.TempPathFactory, name: str, account: str) -> None:
    """The file system takes it, and the file lies in its folder."""
    store = ObjectStore(tmp_path_factory.mktemp("o"))
    path = store.link(stored(store, b"x"), AT, account, 1, name)
    assert path.resolve().is_relative_to(store.attachments.resolve())


def test_unwritable_folder_is_a_temporary_error(tmp_path: Path) -> None:
    """A folder that cannot be written says so in one sentence; trying again can help."""
    (tmp_path / "objects").write_text("in the way")
    with pytest.raises(ObjectsUnwritable, match="objects") as caught:
        stored(ObjectStore(tmp_path), b"x")
    assert caught.value.temporary
    assert [item.name for item in tmp_path.iterdir()] == ["objects"]
