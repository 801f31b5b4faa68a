"""One transaction on the archive for a command, with the database started for its time when it does not run."""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection

from postbuch.archive import database
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.cli import preflight


@contextlib.contextmanager
def connect(config: Config, role: Role = Role.WEB) -> Iterator[Connection]:
    """Committed when the block ends well. Raises ServiceMissing when there is no database to be had."""
    preflight.check_initialised(config)
    with database.running(config), database.connection(config, role) as connection:
        yield connection
