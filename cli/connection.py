"""The archive's database for a command: started for its time when it does not run, and of this program's version."""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection

from postbuch.archive import database, schemaversion
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.cli import preflight


@contextlib.contextmanager
def running(config: Config) -> Iterator[None]:
    """The database answers. Raises ConfigError where nothing was set up, ServiceMissing when it is not to be had."""
    preflight.check_initialised(config)
    with database.running(config):
        schemaversion.require(config)
        yield


@contextlib.contextmanager
def connect(config: Config, role: Role = Role.WEB) -> Iterator[Connection]:
    """One transaction, committed when the block ends well. Raises as `running`."""
    with running(config), database.connection(config, role) as connection:
        yield connection
