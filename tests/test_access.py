"""Write-once tables are write-once for every database user (invariant 4); the schema is what the migration makes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pymysql.cursors import Cursor
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from postbuch.archive import access, secrets, setup, status
from postbuch.archive.columns import Writes
from postbuch.archive.config import Config
from postbuch.archive.database import Role, connection, pool
from postbuch.archive.databaseerrors import number
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.schema import metadata
from postbuch.archive.server import PrivateServer
from postbuch.archive.verification import Verification
from postbuch.cli import checks

WRITE_ONCE = [table.name for table in metadata.sorted_tables if table.info["writes"].is_once]
VERSIONED = [table.name for table in metadata.sorted_tables if not table.info["writes"].is_once]
REVISED = [table.name for table in metadata.sorted_tables if table.info["writes"] is Writes.REVISED]
# MariaDB: command denied, access denied, drop denied; and what our triggers raise (SQLSTATE 45000).
DENIED, REFUSED_BY_TRIGGER = {1142, 1044, 1045, 1227, 1370}, 1644


def refused(conn: Connection, statement: str) -> int:
    """The number of the error that the statement must give."""
    with pytest.raises(DBAPIError) as caught:
        conn.exec_driver_sql(statement)
    return number(caught.value)


def test_every_table_is_of_one_kind(mariadb: Config) -> None:
    """What the database holds is in one of the two lists below, so that no table is left out of these tests."""
    with connection(mariadb, Role.OWNER) as conn:
        there = set(inspect(conn).get_table_names()) - {"alembic_version"}
    assert there == {*WRITE_ONCE, *VERSIONED}
    assert set(WRITE_ONCE) & set(VERSIONED) == set()


@pytest.mark.parametrize("role", [Role.INGEST, Role.WEB])
@pytest.mark.parametrize("table", WRITE_ONCE)
def test_no_user_changes_a_write_once_table(mariadb: Config, role: Role, table: str) -> None:
    """Whatever changes or removes a row, or lets others do it, is denied to each user that Postbuch works as."""
    column = metadata.tables[table].columns.keys()[-1]
    with connection(mariadb, role) as conn:
        for statement in (
            f"UPDATE `{table}` SET `{column}` = `{column}`", f"DELETE FROM `{table}`", f"TRUNCATE `{table}`",
            f"DROP TABLE `{table}`", f"ALTER TABLE `{table}` ADD x INT",
            f"REPLACE INTO `{table}` SELECT * FROM `{table}`",
            f"INSERT INTO `{table}` SELECT * FROM `{table}` ON DUPLICATE KEY UPDATE `{column}` = VALUES(`{column}`)",
            f"DELETE one FROM `{table}` AS one JOIN `{table}` AS other",
            f"UPDATE account, `{table}` AS one SET one.`{column}` = one.`{column}`",
            f"LOAD DATA INFILE '/dev/null' REPLACE INTO TABLE `{table}`",
            f"CREATE VIEW `{table}_seen` AS SELECT * FROM `{table}`", f"DROP TRIGGER `{table}_no_update`",
            f"CREATE INDEX x ON `{table}` (`{column}`)", f"RENAME TABLE `{table}` TO `{table}_away`",
        ):  # fmt: skip
            assert refused(conn, statement) in DENIED, statement


def test_the_report_user_reaches_no_table(mariadb: Config) -> None:
    """It will read views; while there are none it may not even use the database."""
    with pytest.raises(ServiceMissing, match="denied"), connection(mariadb, Role.REPORT):
        pass


@pytest.mark.parametrize("table", VERSIONED)
def test_no_user_removes_a_version(mariadb: Config, table: str) -> None:
    """Rows of versioned tables get an end; none goes, and no table."""
    for role in (Role.INGEST, Role.WEB):
        with connection(mariadb, role) as conn:
            for statement in (f"DELETE FROM `{table}`", f"TRUNCATE `{table}`", f"DROP TABLE `{table}`"):
                assert refused(conn, statement) in DENIED, statement


@pytest.mark.parametrize("table", REVISED)
def test_the_pages_only_read_what_the_archive_revises(mariadb: Config, table: str) -> None:
    """Who breaks into the web mail cannot change by it what letters are found by."""
    columns = metadata.tables[table].columns.keys()
    with connection(mariadb, Role.WEB) as conn:
        assert refused(conn, f"UPDATE `{table}` SET `{columns[-1]}` = `{columns[-1]}`") in DENIED
        assert refused(conn, f"INSERT INTO `{table}` (`{columns[0]}`) VALUES (1)") in DENIED


@pytest.mark.parametrize("table", [*WRITE_ONCE, *VERSIONED])
def test_the_owner_takes_no_table_away(mariadb: Config, table: str) -> None:
    """The user that migrates makes and changes tables; it empties, drops, replaces or renames none."""
    with connection(mariadb, Role.OWNER) as conn:
        for statement in (
            f"TRUNCATE `{table}`", f"DROP TABLE `{table}`", f"CREATE OR REPLACE TABLE `{table}` (x INT)",
            f"RENAME TABLE `{table}` TO `{table}_away`", f"ALTER TABLE `{table}` RENAME `{table}_away`",
        ):  # fmt: skip
            assert refused(conn, statement) in DENIED, statement


def test_triggers_hold_the_owner_too(mariadb: Config) -> None:
    """Even the user that migrates is refused by the tables themselves."""
    with connection(mariadb, Role.OWNER) as conn:
        conn.exec_driver_sql(
            "INSERT INTO audit_event (at, actor, origin, action, target) VALUES (NOW(6), 'a', 'cli', 'test', 'x')"
        )
        assert refused(conn, "UPDATE audit_event SET actor = 'b'") == REFUSED_BY_TRIGGER
        assert refused(conn, "DELETE FROM audit_event") == REFUSED_BY_TRIGGER


def test_every_table_has_its_guards(mariadb: Config) -> None:
    """No table without its triggers."""
    with connection(mariadb, Role.OWNER) as conn:
        there = set(map(tuple, conn.execute(text(
            "SELECT event_object_table, event_manipulation FROM information_schema.triggers"
            " WHERE trigger_schema = DATABASE()"
        ))))  # fmt: skip
    assert {(name, verb) for name in WRITE_ONCE for verb in ("UPDATE", "DELETE")} <= there
    assert {(name, "DELETE") for name in VERSIONED} <= there


def test_the_migrated_database_is_the_schema(mariadb: Config) -> None:
    """The frozen migrations lead to what `schema.py` says, comments included."""
    with connection(mariadb, Role.OWNER) as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        left = [change for change in compare_metadata(context, metadata) if "alembic_version" not in str(change)]
        assert left == []
        found = inspect(conn)
        for table in metadata.sorted_tables:
            assert found.get_table_comment(table.name)["text"] == table.comment
            comments = {each["name"]: each["comment"] for each in found.get_columns(table.name)}
            assert comments == {column.name: column.comment for column in table.columns}


def test_a_guard_that_lets_through_is_made_again(mariadb: Config) -> None:
    """A trigger of the right name that does nothing is no guard; the next start puts the right one in its place."""
    when = text(
        "SELECT trigger_name, created FROM information_schema.triggers"
        " WHERE trigger_schema = DATABASE() AND trigger_name <> 'gap_no_update'"
    )
    with connection(mariadb, Role.OWNER) as conn:
        others = set(map(tuple, conn.execute(when)))
        conn.exec_driver_sql("DROP TRIGGER gap_no_update")
        conn.exec_driver_sql("CREATE TRIGGER gap_no_update BEFORE UPDATE ON gap FOR EACH ROW SET @nothing = 1")
        assert access.apply_guards(conn) == ""
        there = conn.scalar(text(
            "SELECT action_statement FROM information_schema.triggers"
            " WHERE trigger_schema = DATABASE() AND trigger_name = 'gap_no_update'"
        ))  # fmt: skip
        assert "SIGNAL" in str(there)
        assert others == set(map(tuple, conn.execute(when)))


def test_a_right_too_many_is_taken_away(mariadb: Config) -> None:
    """What a database user may do to a table is what the schema says today, and not what it ever said."""
    passwords = {role: secrets.read(mariadb.data / "keys")[role.user] for role in access.ROLES}
    with connection(mariadb, Role.OWNER) as conn:
        conn.exec_driver_sql("GRANT UPDATE, DELETE ON gap TO 'postbuch_web'@'localhost'")
        assert access.apply_users(conn, passwords, "localhost") == ""
    with connection(mariadb, Role.WEB) as conn:
        for statement in ("UPDATE gap SET reason = 'x'", "DELETE FROM gap"):
            assert refused(conn, statement) in DENIED


@pytest.mark.parametrize(("grant", "rights"), [
    ("GRANT UPDATE ON postbuch.* TO {user}", "UPDATE image"), ("GRANT DELETE ON postbuch.* TO {user}", "DELETE image"),
    ("GRANT ALL ON postbuch.* TO {user}", "DELETE image"), ("GRANT UPDATE ON *.* TO {user}", "UPDATE image"),
    ("GRANT DROP ON `post%`.* TO {user}", "DROP"),
    ("GRANT UPDATE (uid) ON postbuch.sighting TO {user}", "UPDATE sighting"),
    ("GRANT DROP ON postbuch.gap TO {user}", "DROP"), ("GRANT ALTER ON postbuch.gap TO {user}", "ALTER"),
    ("GRANT TRIGGER ON postbuch.gap TO {user}", "TRIGGER"), ("GRANT DELETE ON postbuch.gap TO {user}", "DELETE gap"),
])
@pytest.mark.parametrize("role", [Role.INGEST, Role.WEB])
def test_a_right_on_everything_is_told_and_taken_away(mariadb: Config, role: Role, grant: str, rights: str) -> None:
    """However root gave it by hand: `status`, `doctor` and `verify` say it, and the next start takes it away."""
    assert access.told(mariadb) == {}
    with root(mariadb) as cursor:
        cursor.execute(grant.format(user=f"'{role.user}'@'localhost'"))
    with connection(mariadb, role) as conn:
        assert rights in access.excess(conn)
    [(user, sentence)] = access.told(mariadb).items()
    assert user == role.user and sentence in status.status(mariadb)["sentences"]
    doctor = checks._database(mariadb, running=True)
    assert not doctor.ok and user in doctor.sentence
    with pool(mariadb, Role.INGEST) as engine:
        report = Verification(mariadb, engine).run(full=False)
    assert ("right-too-many", user) in [(each.kind, each.where) for each in report.findings.listed]
    setup.initialise(mariadb)
    assert access.told(mariadb) == {}
    with connection(mariadb, role) as conn:
        assert refused(conn, "DELETE FROM image") in DENIED


@contextmanager
def root(config: Config) -> Iterator[Cursor]:
    """The server's own administrator."""
    password = secrets.read(config.data / "keys")["root"]
    with pymysql.connect(unix_socket=str(PrivateServer(config).socket), user="root", password=password) as conn:
        yield conn.cursor()


@pytest.mark.parametrize("instead", [
    "", "CREATE TRIGGER image_no_update BEFORE UPDATE ON image FOR EACH ROW SET NEW.id = OLD.id",
])
def test_a_trigger_that_is_gone_is_told(mariadb: Config, instead: str) -> None:
    """Root has taken it away, or put one there that refuses nothing: `verify` says it, the next start mends it."""
    assert access.unguarded(mariadb) == []
    with root(mariadb) as cursor:
        cursor.execute("DROP TRIGGER postbuch.image_no_update")
        if instead:
            cursor.execute("USE postbuch")
            cursor.execute(instead)
    with pool(mariadb, Role.INGEST) as engine:
        report = Verification(mariadb, engine).run(full=False)
    assert ("guard-gone", "image_no_update") in [(each.kind, each.where) for each in report.findings.listed]
    setup.initialise(mariadb)
    assert access.unguarded(mariadb) == []
