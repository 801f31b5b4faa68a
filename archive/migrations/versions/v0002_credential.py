"""The tables of credentials. Frozen: a later change is a later version."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE credential (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the credential' AUTO_INCREMENT,
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account that it opens',
    kind VARCHAR(20) NOT NULL COMMENT 'remembered (from a good log-in) or stored (given by an admin)',
    user_name VARCHAR(255) NOT NULL COMMENT 'Log-in name at the provider',
    sealed VARBINARY(8192) NOT NULL COMMENT 'Password, sealed with AES-256-GCM (layout in docs/archive.md)',
    key_number BIGINT UNSIGNED NOT NULL COMMENT 'Key that it is sealed with',
    stale BOOL NOT NULL COMMENT '1 when the provider has refused it; it is not tried again' DEFAULT '0',
    since DATETIME(6) NOT NULL COMMENT 'From when (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'Till when (UTC); 9999-12-31 while it holds',
    given_by VARCHAR(255) NOT NULL COMMENT 'Who gave it: a log-in name, or the command with its system user',
    PRIMARY KEY (id),
    FOREIGN KEY(account_id) REFERENCES account (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='What logs in to an account at its provider; each with its end' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX credential_account ON credential (account_id, until)""",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
