"""The text of attachments: followed when it is read later than the letter came, found, and shown as a passage."""

from pathlib import Path

import pytest
from indexed import follow
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, select
from sqlalchemy.dialects import mysql
from test_search import mail

from postbuch.archive import audit, database, index_attached, search_facets
from postbuch.archive.columns import DIGEST, TIME
from postbuch.archive.database import Role
from postbuch.archive.schema import part
from postbuch.archive.search import search
from postbuch.archive.users import ALL
from provider.archive import fresh_archive, ingester, message_record

TEXT = "Der Grundriss zeigt die neuen Häuser am See.\n" * 3


def _table(conn: Connection) -> MetaData:
    """The table as whoever extracts has it, made here where it is not there yet."""
    made = MetaData()
    Table(
        index_attached.TABLE, made, Column("id", mysql.BIGINT(unsigned=True), primary_key=True, autoincrement=True),
        Column("sha256", DIGEST, unique=True), Column("text", mysql.MEDIUMTEXT()), Column("reason", String(200)),
        Column("extractor", String(40)), Column("characters", Integer), Column("extracted_at", TIME),
    )  # fmt: skip
    made.create_all(conn)
    return made


def test_found_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a plain word and by `attachment:`, not by `body:` or `filename:`; letters with the same file as well."""
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        for name in ("one", "two"):
            work.ingest([message_record(mail(name, "From: a@x.example\r\nSubject: Plan", "Anbei.", file="plan.pdf"))])
        work.ingest([message_record(mail("other", "From: a@x.example\r\nSubject: Plan", "Nichts."))])
        follow(config, engine)
        with database.pool(config, Role.OWNER) as owner:
            with owner.begin() as conn:
                made = _table(conn)
                [digest] = set(conn.scalars(select(part.c.sha256).where(part.c.file_name == "plan.pdf")))
                assert search(conn, "Grundriss", ALL).total == 0
                conn.execute(insert(made.tables[index_attached.TABLE]).values(
                    sha256=digest, text=TEXT, reason="", extractor="pdf", characters=len(TEXT), extracted_at=audit.now()
                ))  # fmt: skip
            monkeypatch.setattr(index_attached, "metadata", made)
            follow(config, owner)
            with owner.connect() as conn:
                for words, total in (
                    ("Grundriss", 2), ("attachment:haus", 2), ('"neuen Häuser"', 2), ("attachment:grund*", 2),
                    ("body:Grundriss", 0), ("filename:Grundriss", 0), ("Plan -Grundriss", 1),
                ):  # fmt: skip
                    found = search(conn, words, ALL)
                    assert (found.total, found.indexed) == (total, True), words
                ids = [row["id"] for row in search(conn, "Haus", ALL).rows]
                shown = search_facets.snippets(conn, "Haus", ids, ALL)
                assert sorted(shown) == sorted(ids) and len(ids) == 2
                assert all([text for text, hit in each.pieces() if hit][:1] == ["Häuser"] for each in shown.values())
