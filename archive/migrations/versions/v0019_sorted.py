"""The indexes that sorted lists are read from. Frozen: a later change is a later version.

The two columns are computed, so that no row is written again: the columns are there at once, and the indexes take about
three seconds for each 100,000 messages. MariaDB has had faults with indexes on such columns: where rows are changed or
removed, which nothing does here, and where several tables have such indexes (MDEV-38140, MDEV-39261). So only one has.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
ALTER TABLE header_summary
    ADD COLUMN from_start VARCHAR(80) GENERATED ALWAYS AS (LEFT(from_display, 80)) VIRTUAL COMMENT 'First 80 characters of from_display, computed; lists are sorted by it',
    ADD COLUMN subject_start VARCHAR(80) GENERATED ALWAYS AS (LEFT(subject, 80)) VIRTUAL COMMENT 'First 80 characters of subject, computed; lists are sorted by it'
    """,
    """
ALTER TABLE header_summary
    ADD INDEX header_summary_from (from_start, image_id),
    ADD INDEX header_summary_subject (subject_start, image_id)
    """,
    """CREATE INDEX image_size ON image (size_octets, id)""",
)


def upgrade() -> None:
    """Make the columns and their indexes."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
