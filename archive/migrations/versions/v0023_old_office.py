"""Files that are read otherwise now wait to be read again. Frozen: a later change is a later version.

Old Office files, such without a compound file around them, files that have one inside, and XML. Their rows say for
ever what they say; what is deleted here is read anew from the files.
"""

import logging

from alembic import op
from sqlalchemy.exc import DatabaseError

from postbuch.archive import access, databaseerrors

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

log = logging.getLogger("postbuch.archive")

_AGAIN = """reason IN (
    'it is in an Office format from before 2007, which is not read',
    'a file inside it is not searched, or not all of it',
    'files of this kind are not read'
) OR extractor = 'xml'"""
_GUARD = "CREATE OR REPLACE TRIGGER `object_text_no_delete` BEFORE DELETE ON `object_text` FOR EACH ROW "
_REFUSE = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postbuch: rows of object_text take no DELETE'"
_LET_THEM_GO = f"{_GUARD} IF NOT (OLD.{_AGAIN.replace('OR extractor', 'OR OLD.extractor')}) THEN {_REFUSE}; END IF"
_DELETE = f"DELETE FROM object_text WHERE {_AGAIN}"  # noqa: S608 - nothing of it is anybody's
_REFUSED = 1644


def upgrade() -> None:
    """Take their rows out. All others are guarded all the time."""
    conn = op.get_bind()
    try:
        conn.exec_driver_sql(_LET_THEM_GO)
    except DatabaseError as error:  # an external database whose user may not, then as before or without a guard
        if databaseerrors.number(error) not in access.DENIED:
            raise
        _delete_unguarded()
        return
    try:
        conn.exec_driver_sql(_DELETE)
    finally:
        conn.exec_driver_sql(_GUARD + _REFUSE)


def _delete_unguarded() -> None:
    """Where no guard can be made there is none, or one from when it could: then the files stay unread."""
    try:
        op.get_bind().exec_driver_sql(_DELETE)
    except DatabaseError as error:
        if databaseerrors.number(error) not in access.DENIED | {_REFUSED}:
            raise
        log.warning("old-files-stay-unread reason=%s", databaseerrors.reason(error.orig or error))
