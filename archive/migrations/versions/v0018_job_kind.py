"""A job says what it is by its parameters; nobody read its kind. Frozen: a later change is a later version."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

STATEMENTS = ("""ALTER TABLE job DROP COLUMN kind""",)


def upgrade() -> None:
    """Drop the column."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
