"""What each account saw by its sender, for lists that are sorted so. Frozen: a later change is a later version."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

MAKE = """
CREATE TABLE seen_sender (
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account',
    from_start VARCHAR(80) NOT NULL COMMENT 'Copy of header_summary.from_start',
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image',
    PRIMARY KEY (account_id, from_start, image_id),
    FOREIGN KEY(account_id) REFERENCES account (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Which account saw which image, by its sender; lists sorted by sender read this' COLLATE utf8mb4_unicode_ci
"""
# In the order of the table, so that nothing is written twice.
FILL = """
INSERT INTO seen_sender (account_id, from_start, image_id)
SELECT DISTINCT sighting.account_id, header_summary.from_start, sighting.image_id
FROM sighting JOIN header_summary ON header_summary.image_id = sighting.image_id
ORDER BY sighting.account_id, header_summary.from_start, sighting.image_id
"""


def upgrade() -> None:
    """Make the table, and fill it with what was seen before."""
    for statement in (MAKE, FILL):
        op.get_bind().exec_driver_sql(statement)
