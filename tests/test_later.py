"""Letters of an archive that is older than the reading of containers: found, listed and offered as new ones are."""

import binascii
import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from container_files import BINARY, signed, tnef, tnef_file
from indexed import follow
from sqlalchemy import Engine, event, func, select
from test_containers import packed, wrapped
from written_mail import mail, multipart, part

from postbuch.archive import extract_text, extract_work, laterrows, letterfacts, letters, mime, verification
from postbuch.archive.bulk import insert_rows
from postbuch.archive.config import Config
from postbuch.archive.extract_work import ExtractWork
from postbuch.archive.ingest import Ingester
from postbuch.archive.laterwork import LaterWork
from postbuch.archive.message import ParsedMessage
from postbuch.archive.objects import ObjectStore
from postbuch.archive.parser import Parser
from postbuch.archive.schema import header_summary, image, later_part, later_reading
from postbuch.archive.schema import part as part_rows
from postbuch.archive.search import search
from postbuch.archive.users import ALL
from provider.archive import fresh_archive, ingester, message_record, read_files

PLAIN = part("text/plain", "Guten Tag")
NOTE = part("text/plain; name=notiz.txt", "Buche", "Content-Disposition: attachment; filename=notiz.txt")
FORK = part("application/applefile; name=karte.png", "AAUWBwACAAA=", "Content-Transfer-Encoding: base64")
PICTURE = part("image/png; name=karte.png", "iVBORw0KGgo=", "Content-Transfer-Encoding: base64",
               "Content-Disposition: attachment; filename=karte.png")  # fmt: skip
UUENCODED = "begin 644 wald.txt\r\n" + binascii.b2a_uu(b"Ahorn").decode().strip() + "\r\n`\r\nend"
HTML = {0x1013: (BINARY, b"<p>Lerche in der Tabelle"), 0x3FDE: (3, b"\xe9\xfd\0\0")}
OLD = {
    "tnef": multipart("mixed", PLAIN, packed(tnef(HTML, tnef_file("plan.txt", b"Eiche und Linde")))),
    "signed": "",
    "uuencoded": part("text/plain", f"Anbei.\r\n{UUENCODED}"),
    "apple": multipart("mixed", PLAIN, FORK, PICTURE),
    "forwarded": multipart("mixed", PLAIN, part("message/rfc822", packed(tnef({}, tnef_file("erle.txt", b"Erle"))))),
    "note": multipart("mixed", PLAIN, NOTE),
    "plain": part("text/plain", "Wir begin 1999 nichts."),
}


class FirstParser(Parser):
    """Reads as before: no container is opened, no file taken out of a text, no fork of a file known for one."""

    def summaries(self, items: list[bytes]) -> list[ParsedMessage]:
        return [self._first(octets, found) for octets, found in zip(items, super().summaries(items), strict=True)]

    @staticmethod
    def _first(octets: bytes, found: ParsedMessage) -> ParsedMessage:
        leaves = mime.take_apart(octets).own
        own = [place for place, leaf in enumerate(leaves) if not leaf.is_within_text]
        texts = [leaves[place].payload.decode() for place in own if leaves[place].is_body]
        parts = tuple(
            replace(each, is_attachment=each.is_attachment or each.content_type.startswith("application/"))
            for each in found.parts if each.position in own
        )  # fmt: skip
        return replace(found, parts=parts, text="\n".join(texts))


def octets_of(name: str) -> bytes:
    octets = wrapped(signed(multipart("mixed", part("text/plain", "Fichte"), NOTE).encode())) if name == "signed" else (
        mail(OLD[name])
    )  # fmt: skip
    return octets.replace(b"Message-ID: <x@", f"Subject: {name}\r\nMessage-ID: <{name}@".encode())


@contextmanager
def old_archive(folder: Path) -> Iterator[tuple[Config, Engine]]:
    """An archive whose letters an older version read."""
    with fresh_archive(folder) as (config, engine), FirstParser() as parser:
        work = Ingester(engine, ObjectStore(config.data), parser)
        for name in OLD:
            work.ingest([message_record(octets_of(name))])
        yield config, engine


def found(engine: Engine, *searches: str) -> list[list[str]]:
    """The subjects that each search finds."""
    with engine.connect() as conn:
        return [sorted(row["subject"] for row in search(conn, words, ALL).rows) for words in searches]


def read_again(config: Config, engine: Engine) -> LaterWork:
    with closing(LaterWork(config, engine)) as job:
        while job.waiting != 0:
            assert job.look() == ""
    read_files(config, engine)
    return job


SEARCHES = {
    "filename:plan.txt": ["tnef"], "attachment:Eiche": ["tnef"], "body:Lerche": ["tnef"],
    "body:Fichte": ["signed"], "attachment:Buche": ["note", "signed"], "filename:wald.txt": ["uuencoded"],
    "attachment:Ahorn": ["uuencoded"], "body:begin": ["plain"], "erle": ["forwarded"],
    "has:attachment": ["apple", "forwarded", "note", "signed", "tnef", "uuencoded"],
}  # fmt: skip


def test_old_letters_are_found_like_new_ones(tmp_path: Path) -> None:
    """By names, words and texts within containers; the index follows; what was written once stays (invariant 4)."""
    with old_archive(tmp_path) as (config, engine):
        follow(config, engine)
        assert found(engine, "filename:plan.txt", "attachment:Ahorn", "body:Fichte", "erle") == [[], [], [], []]
        assert found(engine, "body:begin") == [["plain", "uuencoded"]]
        read_again(config, engine)
        follow(config, engine)
        assert dict(zip(SEARCHES, found(engine, *SEARCHES), strict=True)) == SEARCHES
        with engine.connect() as conn:
            facts = letterfacts.read(conn, letters.find_letter(conn, "apple@firma.example"))
            listed = [each["file_name"] for each in facts["parts"] if each["is_attachment"]]
            assert listed == ["karte.png"]
            facts = letterfacts.read(conn, letters.find_letter(conn, "tnef@firma.example"))
            assert [each["file_name"] for each in facts["parts"]] == ["", "winmail.dat", "", "plan.txt"]
            subjects = select(header_summary.c.subject).join(
                later_reading, later_reading.c.image_id == header_summary.c.image_id
            )
            again = sorted(conn.scalars(subjects))
        assert again == ["apple", "forwarded", "signed", "tnef", "uuencoded"]
        report = verification.Verification(config, engine, lambda done, total: True).run(full=True)
        assert report.complete and not report.findings.count


def test_an_index_that_is_made_anew_has_it_as_well(tmp_path: Path) -> None:
    """And an archive that was read by this version from the beginning finds the same without a second reading."""
    with old_archive(tmp_path / "old") as (config, engine):
        read_again(config, engine)
        follow(config, engine)
        assert dict(zip(SEARCHES, found(engine, *SEARCHES), strict=True)) == SEARCHES
    with fresh_archive(tmp_path / "new") as (config, engine), ingester(config, engine) as work:
        work.ingest([message_record(octets_of(name)) for name in OLD])
        read_again(config, engine)
        follow(config, engine)
        assert dict(zip(SEARCHES, found(engine, *SEARCHES), strict=True)) == SEARCHES
        with engine.connect() as conn:
            assert conn.scalar(select(func.count()).select_from(later_reading)) == 0
            assert conn.scalar(select(func.count()).select_from(later_part)) == 0


def test_only_what_may_hold_others_is_read(tmp_path: Path) -> None:
    """Letters whose rows tell that nothing is within their parts are passed over, and so are all that come later."""
    with old_archive(tmp_path) as (config, engine):
        with engine.connect() as conn:
            numbers = laterrows.candidates(conn, 0, 1000)
            names = list(OLD)
            first = conn.scalar(select(func.min(image.c.id))) or 0
        assert [names[number - first] for number in numbers] == ["tnef", "signed", "uuencoded", "apple", "forwarded"]
        job = read_again(config, engine)
        with ingester(config, engine) as work:
            work.ingest([message_record(octets_of("tnef") + b"\r\n")])
        assert job.look() == "" and job.waiting == 0
        with engine.connect() as conn:
            left = laterrows.progress(conn)
            assert left.upto == left.until < (conn.scalar(select(func.max(image.c.id))) or 0)


@pytest.mark.parametrize(("content_type", "name", "disposition", "expected"), [
    ("application/octet-stream", "winmail.dat", "", True), ("application/octet-stream", "", "attachment", True),
    ("application/ms-tnef", "rechnung.pdf", "attachment", True), ("application/x-pkcs7-mime", "", "", True),
    ("application/pkcs7-signature", "smime.p7s", "attachment", False), ("text/rtf", "", "", True),
    ("text/rtf", "a.rtf", "", False), ("application/rtf", "", "attachment", False), ("text/html", "", "", False),
    ("application/pdf", "", "", False), ("application/octet-stream", "a.pdf", "", False), ("image/png", "", "", False),
])
def test_what_a_row_tells(content_type: str, name: str, disposition: str, expected: bool) -> None:
    """Type and name say whether there may be anything within."""
    assert laterrows.may_hold(content_type, name, disposition) is expected


def test_broken_off_it_goes_on(tmp_path: Path) -> None:
    """Ended after each letter and begun anew, it reads each once more and loses none."""
    with old_archive(tmp_path) as (config, engine):
        rounds = 0
        waiting: int | None = None
        while waiting != 0:
            asked = iter((False, False))
            job = LaterWork(config, engine, lambda asked=asked: next(asked, True))  # type: ignore[misc]
            before = waiting
            job.look()
            job.close()
            waiting = job.waiting
            rounds += 1
            assert waiting is not None and (before is None or waiting < before)
        assert rounds > 2
        with engine.connect() as conn:
            assert conn.scalar(select(func.count()).select_from(later_reading)) == 5


def test_files_that_are_found_later_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading of attachments that was through with the archive looks at old letters again when there is more."""
    monkeypatch.setattr(extract_work, "NEAR", 0)
    with old_archive(tmp_path) as (config, engine):
        files = ExtractWork(config, engine)
        job = LaterWork(config, engine, finished=files.look_far)
        digest = hashlib.sha256(b"Eiche und Linde").digest()
        try:
            while files.waiting != 0:
                files.look()
            while job.waiting != 0:
                job.look()
            files.look()
        finally:
            job.close()
            files.close()
        with engine.connect() as conn:
            found = extract_text.text_of(conn, digest)
        assert found is not None and found.text.strip() == "Eiche und Linde"


def test_a_part_that_is_not_found_any_more_is_none(tmp_path: Path) -> None:
    """What an earlier reading took for a part stays in its rows, and no search, page or reading of files has it."""
    with old_archive(tmp_path) as (config, engine):
        with engine.begin() as conn:
            number = conn.scalar(select(func.min(image.c.id))) or 0
            stale = {
                "image_id": number, "position": 9, "content_type": "application/pdf", "disposition": "attachment",
                "file_name": "esche.pdf", "content_id": "", "size_octets": 5, "sha256": bytes(32),
                "is_attachment": True,
            }  # fmt: skip
            insert_rows(conn, part_rows, [stale])
            assert bytes(32) in {each.sha256 for each in extract_text.waiting(conn, 0, 1000)}
            before = extract_text.waiting_count(conn, 0)
        follow(config, engine)
        assert found(engine, "filename:esche.pdf") == [["tnef"]]
        job = LaterWork(config, engine)
        while job.waiting != 0:
            job.look()
        job.close()
        follow(config, engine)
        assert found(engine, "filename:esche.pdf", "filename:plan.txt") == [[], ["tnef"]]
        with engine.begin() as conn:
            facts = letterfacts.read(conn, letters.find_letter(conn, "tnef@firma.example"))
            assert [each["position"] for each in facts["parts"]] == [0, 1, 2, 3]
            waiting = {each.sha256 for each in extract_text.waiting(conn, 0, 1000)}
            assert bytes(32) not in waiting and extract_text.waiting_count(conn, 0) == len(waiting) != before
            # Read once more it is no news.
            with Parser() as parser:
                assert laterrows.write(conn, {number: parser.summary(octets_of("tnef"))}) == 0


def test_two_processes_take_nothing_back(tmp_path: Path) -> None:
    """One that is behind reads again what the other has read, changes nothing by it, and leaves how far it is."""
    with old_archive(tmp_path) as (config, engine):
        others: list[LaterWork] = []

        def overtaken() -> bool:
            """In the middle of the first one's work the other does all of it."""
            if not others:
                others.append(LaterWork(config, engine))
                others[0].look()
                assert others[0].waiting == 0
            return False

        asked = iter((False, overtaken, True))
        job = LaterWork(config, engine, lambda: bool(each() if callable(each := next(asked, True)) else each))
        job.look()
        assert others and job.waiting is not None and 0 < job.waiting < len(OLD)
        with engine.connect() as conn:
            left = laterrows.progress(conn)
            rows = conn.execute(select(later_reading)).all()
        assert left.upto == left.until and len(rows) == 5
        job.look()
        assert job.waiting == 0
        for each in (job, *others):
            each.close()
        with engine.connect() as conn:
            assert conn.execute(select(later_reading)).all() == rows


def test_what_waits_is_counted_once(tmp_path: Path) -> None:
    """All images are counted when it begins, and from then on those alone that were looked through."""
    counted: list[tuple[int, int]] = []
    with old_archive(tmp_path) as (config, engine):

        def watch(_conn: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
            if statement.startswith("SELECT count(*)") and "FROM image" in statement:
                counted.append(tuple(values.values()) if isinstance(values, dict) else tuple(values))

        event.listen(engine, "before_cursor_execute", watch)
        asked: Iterator[bool] = iter(())
        job = LaterWork(config, engine, lambda: next(asked, True))
        waiting: list[int] = []
        while job.waiting != 0:
            asked = iter((False,))
            job.look()
            assert job.waiting is not None
            waiting.append(job.waiting)
        job.close()
    assert waiting == sorted(waiting, reverse=True) and len(waiting) > 2
    (above, until), *steps = counted
    assert [each[0] for each in steps] == [above, *(upto for _, upto in steps[:-1])] and steps[-1][1] < until
