"""Old Office files wait to be read again, and files with files inside that were not read. Frozen: later is a version.

Their rows say for ever that such files are not read; what is deleted here is read anew from the files. The guard that
keeps rows from being deleted is made again right after the versions.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# Without it where the database's user may not create triggers.
STATEMENTS = (
    "DROP TRIGGER IF EXISTS object_text_no_delete",
    """
DELETE FROM object_text WHERE reason IN (
    'it is in an Office format from before 2007, which is not read',
    'a file inside it is not searched, or not all of it'
)
    """,
)


def upgrade() -> None:
    """Take their rows out."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
