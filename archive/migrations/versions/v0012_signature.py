"""The tables of signatures. Frozen: a later change is a later version."""

from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE dkim_check (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the look' AUTO_INCREMENT,
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image that was looked at',
    from_domain VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Domain of the sender (From); empty when the header names none, or several',
    signature_count INTEGER NOT NULL COMMENT 'How many DKIM-Signature fields the header has',
    dmarc_name VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Name in the DNS where the sender''s policy stood; empty when there was none',
    dmarc_record VARCHAR(4096) COLLATE utf8mb4_bin COMMENT 'The policy as it was (RFC 7489), octets as Latin-1',
    reason VARCHAR(500) NOT NULL COMMENT 'Why not everything was looked at; empty when it was',
    checked_at DATETIME(6) NOT NULL COMMENT 'When it was looked at, and the DNS was as it is said here (UTC)',
    PRIMARY KEY (id),
    UNIQUE (image_id),
    FOREIGN KEY(image_id) REFERENCES image (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='The one look at the DKIM signatures of an image, soon after it arrived' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE dkim_verdict (
    check_id BIGINT UNSIGNED NOT NULL COMMENT 'Look',
    position INTEGER NOT NULL COMMENT 'Place among the DKIM-Signature fields, from the top, from 0',
    domain VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Domain that signed (d=)',
    selector VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Which of its keys (s=)',
    identity VARCHAR(255) NOT NULL COMMENT 'For whom it signed (i=); empty when not said',
    algorithm VARCHAR(40) NOT NULL COMMENT 'By what (a=)',
    verdict VARCHAR(20) NOT NULL COMMENT 'pass, part, expired, weak (these match), fail, no-key, unfit or unknown',
    reason VARCHAR(500) NOT NULL COMMENT 'What is to be said against it; empty when nothing is',
    aligned VARCHAR(20) NOT NULL COMMENT 'Whether the domain is the sender''s (RFC 7489): strict, relaxed, or empty',
    in_force BOOL NOT NULL COMMENT '1 when it matches and is near enough to the sender for the sender''s policy',
    key_name VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Name in the DNS of its key; empty when there can be none',
    key_record VARCHAR(4096) COLLATE utf8mb4_bin COMMENT 'The key as it was in the DNS, octets as Latin-1; empty when there was none',
    PRIMARY KEY (check_id, position),
    FOREIGN KEY(check_id) REFERENCES dkim_check (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='What one DKIM signature was worth, with the key record as it was that day' COLLATE utf8mb4_unicode_ci
    """,
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
