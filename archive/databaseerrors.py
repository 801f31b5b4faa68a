"""What an error of the database means, by MariaDB's numbers (MariaDB, error codes)."""

import pymysql
from sqlalchemy.exc import DBAPIError, InterfaceError

from postbuch.archive.errors import ServiceMissing

# MariaDB error numbers after which the same transaction may succeed: deadlock, lock wait time-out.
_AGAIN = {1213, 1205}
# The statement did not run and the connection is no use: gone away, lost, shut down, killed.
_GONE = {1053, 1927, 2002, 2003, 2006, 2013, 2055}


def reason(error: BaseException) -> str:
    """What the database said, without its number."""
    if not error.args:
        return type(error).__name__
    last = error.args[-1]
    return last if isinstance(last, str) else str(last)


def number(error: BaseException) -> int:
    """MariaDB's error number; 0 when there is none."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return original.args[0] if original.args and isinstance(original.args[0], int) else 0


def is_gone(error: BaseException) -> bool:
    """Whether the error says that the server or the connection is not there."""
    if isinstance(error, ServiceMissing | InterfaceError | OSError | pymysql.err.InterfaceError):
        return True
    return number(error) in _GONE


def may_try_again(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is run again: a deadlock or a lock that took too long."""
    return number(error) in _AGAIN
