"""What a provider calls a message, and sightings of messages that were recognised by it. Frozen."""

from alembic import op

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
ALTER TABLE sighting ADD COLUMN recognised_by VARCHAR(60) COMMENT 'By what upstream''s message was recognised, with the same length, when its octets were not fetched again: X-GM-MSGID and its number, or APPENDUID; empty when they were read'
    """,
    """
ALTER TABLE collect_account ADD COLUMN named_to BIGINT UNSIGNED NOT NULL COMMENT 'Latest sighting (sighting.id) for which a provider was asked what it calls the message' DEFAULT '0'
    """,
    """
CREATE TABLE provider_identity (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account',
    name VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'X-GM-MSGID and its number (Gmail)',
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image whose octets were read, or whose place had them, under this name',
    known_at DATETIME(6) NOT NULL COMMENT 'When it was learnt (UTC)',
    PRIMARY KEY (id),
    CONSTRAINT provider_identity_name UNIQUE (account_id, name, image_id),
    FOREIGN KEY(account_id) REFERENCES account (id),
    FOREIGN KEY(image_id) REFERENCES image (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='What a provider calls an image, in whatever mailbox it shows it' COLLATE utf8mb4_unicode_ci
    """,
)


def upgrade() -> None:
    """Make the table and the columns."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
