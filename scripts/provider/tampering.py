"""Somebody with the database's root password and the file system, and a way back to before he came."""

import shutil
from pathlib import Path

import pymysql
from pymysql.cursors import Cursor

from postbuch.archive import secrets
from postbuch.archive.config import Config
from postbuch.archive.server import DATABASE, PrivateServer

_SAFE = "safe_copy"
# What of the data folder is put back.
_FOLDERS = ("objects", "attachments", "checkpoints", "keys", "verify")


class Intruder:
    """Root on the private database, all triggers dropped. `keep` once, `put_back` after each deed."""

    def __init__(self, config: Config, elsewhere: Path) -> None:
        self.data = config.data
        self._elsewhere = elsewhere
        password = secrets.read(config.data / "keys")["root"]
        self._conn = pymysql.connect(
            unix_socket=str(PrivateServer(config).socket), user="root", password=password, database=DATABASE,
            autocommit=True, client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS,
        )  # fmt: skip
        self.sql("SET GLOBAL foreign_key_checks = 0; SET foreign_key_checks = 0")
        self.triggers = self.column(
            "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
        )
        for name in self.triggers:
            self.sql(f"DROP TRIGGER `{name}`")
        self._tables = self.column(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
        )
        # The database takes no value for a column that it computes.
        self._written = {
            name: ", ".join(f"`{column}`" for column in self.column(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
                f" AND table_name = '{name}' AND generation_expression IS NULL"
            ))
            for name in self._tables
        }  # fmt: skip

    def close(self) -> None:
        """Leave."""
        self._conn.close()

    def sql(self, statements: str) -> None:
        """Run one or more statements."""
        with self._conn.cursor() as cursor:
            cursor.execute(statements)
            while cursor.nextset():
                pass

    def column(self, query: str) -> list[str]:
        """The first column of the answer."""
        with self._conn.cursor() as cursor:
            cursor.execute(query)
            return [row[0] for row in _rows(cursor)]

    def keep(self) -> None:
        """Remember everything as it is."""
        self.sql(f"CREATE DATABASE {_SAFE}")
        for name in self._tables:
            self.sql(f"CREATE TABLE {_SAFE}.`{name}` LIKE `{name}`")
            self.sql(f"INSERT INTO {_SAFE}.`{name}` ({self._written[name]}) SELECT {self._written[name]} FROM `{name}`")
        for folder in _FOLDERS:
            if (self.data / folder).exists():
                shutil.copytree(self.data / folder, self._elsewhere / folder)

    def put_back(self) -> None:
        """Everything as it was kept."""
        for name in self._tables:
            columns = self._written[name]
            self.sql(
                f"DELETE FROM `{name}`; INSERT INTO `{name}` ({columns}) SELECT {columns} FROM {_SAFE}.`{name}`"
            )
        for folder in _FOLDERS:
            shutil.rmtree(self.data / folder, ignore_errors=True)
            if (self._elsewhere / folder).exists():
                shutil.copytree(self._elsewhere / folder, self.data / folder)


def _rows(cursor: Cursor) -> list[tuple[str, ...]]:
    return list(cursor.fetchall())
