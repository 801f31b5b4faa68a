"""The text of attachments: followed when it is read later than the letter came, found, and shown as a passage."""

from pathlib import Path

from indexed import follow
from sqlalchemy import select
from test_search import mail

from postbuch.archive import extract_text, search_facets
from postbuch.archive.extract_found import Extract
from postbuch.archive.schema import part
from postbuch.archive.search import search
from postbuch.archive.users import ALL
from provider.archive import fresh_archive, ingester, message_record

TEXT = "Der Grundriss zeigt die neuen Häuser am See.\n" * 3


def test_found_and_shown(tmp_path: Path) -> None:
    """By a plain word and by `attachment:`, not by `body:` or `filename:`; letters with the same file as well."""
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        for name in ("one", "two"):
            work.ingest([message_record(mail(name, "From: a@x.example\r\nSubject: Plan", "Anbei.", file="plan.pdf"))])
        work.ingest([message_record(mail("other", "From: a@x.example\r\nSubject: Plan", "Nichts."))])
        follow(config, engine)
        with engine.begin() as conn:
            [digest] = set(conn.scalars(select(part.c.sha256).where(part.c.file_name == "plan.pdf")))
            assert search(conn, "Grundriss", ALL).total == 0
            extract_text.write(conn, {digest: Extract(TEXT, "", "pdf")})
        follow(config, engine)
        with engine.connect() as conn:
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
