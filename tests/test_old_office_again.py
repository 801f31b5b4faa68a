"""An update has files read again that are read otherwise now; by a database's user with all rights and with few."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from office_files import docx, mail_with
from old_office_files import doc, xls_of_excel_5
from sqlalchemy import Connection, Engine, create_engine, insert, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from postbuch.archive import access, audit, database
from postbuch.archive.config import Config
from postbuch.archive.migrations.versions import v0023_old_office
from postbuch.archive.schema_media import object_text
from postbuch.archive.server import DATABASE, PrivateServer
from provider.archive import fresh_archive, ingester, message_record, read_files

WORD = "Grüße aus München"
_XML = f"<?xml version='1.0'?><x:r><x:a>links</x:a><x:b>{WORD}</x:b></x:r>".encode()
# File, what its row says, and by which reader.
SAID = {
    "alt.doc": (doc([WORD]), "it is in an Office format from before 2007, which is not read", "ole"),
    "alt.eml": (mail_with({"alt.doc": doc([WORD])}), "a file inside it is not searched, or not all of it", "mail"),
    "alt.xls": (xls_of_excel_5(WORD.encode("cp1252"), 1252, True), "files of this kind are not read", "other"),
    "alt.xml": (_XML, "", "xml"),
    "neu.docx": (docx("neu"), "", "x"),
}
DIGESTS = {name: hashlib.sha256(octets).digest() for name, (octets, _, _) in SAID.items()}


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tuple[Config, Engine]]:
    """An archive with these files and what an earlier version said of them."""
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        work.ingest([message_record(mail_with({name: octets for name, (octets, _, _) in SAID.items()}))])
        with engine.begin() as conn:
            conn.execute(insert(object_text), [
                {"sha256": DIGESTS[name], "text": "", "reason": reason, "extractor": extractor, "characters": 0,
                 "extracted_at": audit.now()} for name, (_, reason, extractor) in SAID.items()
            ])  # fmt: skip
        yield config, engine


def upgraded(conn: Connection) -> None:
    """The version alone, as `migrations.upgrade` runs it."""
    with Operations.context(MigrationContext.configure(conn)):
        v0023_old_office.upgrade()


def left(engine: Engine) -> set[bytes]:
    with engine.connect() as conn:
        return set(conn.scalars(select(object_text.c.sha256)))


def test_files_are_read_again(archive: tuple[Config, Engine]) -> None:
    """Those whose rows say that they are not read, and what had one inside; others stay, and no row goes after that."""
    config, engine = archive
    with database.connection(config, database.Role.OWNER) as conn:
        upgraded(conn)
        with pytest.raises(DatabaseError, match="take no DELETE"):
            conn.exec_driver_sql("DELETE FROM object_text")
        assert access.apply_guards(conn) == ""
    read_files(config, engine)
    with engine.connect() as conn:
        found = {row.sha256: row for row in conn.execute(select(object_text))}
    assert found[DIGESTS["alt.doc"]].text == WORD
    assert all(WORD in found[DIGESTS[name]].text for name in ("alt.eml", "alt.xls", "alt.xml"))
    assert found[DIGESTS["neu.docx"]].extractor == "x"


@pytest.mark.parametrize("is_guarded", [True, False])
def test_a_user_who_may_make_no_triggers_can_update(archive: tuple[Config, Engine], is_guarded: bool) -> None:
    """Without a guard the rows go; with one from when its user could make it they stay, and it stays as it is."""
    config, engine = archive
    with database.connection(config, database.Role.OWNER) as conn:
        conn.exec_driver_sql("CREATE USER hosted@localhost IDENTIFIED BY 'x'")
        conn.exec_driver_sql("GRANT SELECT, INSERT, UPDATE, DELETE ON object_text TO hosted@localhost")
        if not is_guarded:
            conn.exec_driver_sql("DROP TRIGGER object_text_no_delete")
    socket = str(PrivateServer(config).socket)
    hosted = create_engine("mysql+pymysql://", poolclass=NullPool, creator=lambda: pymysql.connect(
        unix_socket=socket, user="hosted", password="x", database=DATABASE, autocommit=True
    ))  # fmt: skip
    with hosted.connect() as conn:
        upgraded(conn)
        conn.commit()
    assert left(engine) == (set(DIGESTS.values()) if is_guarded else {DIGESTS["neu.docx"]})
    if is_guarded:
        with database.connection(config, database.Role.OWNER) as conn, pytest.raises(DatabaseError, match="no DELETE"):
            conn.exec_driver_sql("DELETE FROM object_text")
