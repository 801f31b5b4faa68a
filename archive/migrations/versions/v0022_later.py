"""What a later reading found in images that were archived before. Frozen: a later change is a later version."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE later_progress (
    reader INTEGER NOT NULL COMMENT 'Version of the reader',
    upto BIGINT UNSIGNED NOT NULL COMMENT 'Last image that was looked through',
    until BIGINT UNSIGNED NOT NULL COMMENT 'Last image that was there when it began; newer ones were read by it at once',
    PRIMARY KEY (reader)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='How far the images were looked through for what a version of the reader finds in them' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE later_reading (
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image',
    text MEDIUMTEXT NOT NULL COMMENT 'Text of the body in place of body_text, first 65,536 characters',
    read_at DATETIME(6) NOT NULL COMMENT 'When it was read again (UTC)',
    PRIMARY KEY (image_id),
    FOREIGN KEY(image_id) REFERENCES image (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='An image in which a later reading found more than its rows say' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX later_reading_read ON later_reading (read_at)""",
    """
CREATE TABLE later_part (
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image',
    position INTEGER NOT NULL COMMENT 'Order of the leaf parts, from 0',
    content_type VARCHAR(255) NOT NULL COMMENT 'Media type in lower case; empty: no such part is found any more',
    disposition VARCHAR(20) NOT NULL COMMENT 'attachment, inline, or empty',
    file_name VARCHAR(255) NOT NULL COMMENT 'File name as sent, decoded; empty when there is none',
    content_id VARCHAR(255) NOT NULL COMMENT 'Content-ID without brackets; empty when there is none',
    size_octets BIGINT UNSIGNED NOT NULL COMMENT 'Length of the decoded part in octets',
    sha256 BINARY(32) NOT NULL COMMENT 'SHA-256 of the decoded part',
    is_attachment BOOL NOT NULL COMMENT '1 when people would call it an attachment',
    PRIMARY KEY (image_id, position),
    FOREIGN KEY(image_id) REFERENCES image (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='One MIME part as a later reading has it: added to the rows of part, or in place of one' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX later_part_sha256 ON later_part (sha256)""",
)


def upgrade() -> None:
    """Make the tables; the archive process fills them."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
