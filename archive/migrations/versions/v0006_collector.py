"""The tables of the collector. Frozen: a later change is a later version."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE collect_account (
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account',
    state VARCHAR(20) NOT NULL COMMENT 'waiting, working, idle, failing, paused, none (nothing is collected) or no-credential',
    began_at DATETIME(6) COMMENT 'When the latest run began (UTC)',
    finished_at DATETIME(6) COMMENT 'When all mailboxes were last found complete (UTC)',
    asked_at DATETIME(6) COMMENT 'When a person last asked for a run (UTC)',
    wanted BIGINT UNSIGNED NOT NULL COMMENT 'Messages that the latest run found to fetch' DEFAULT '0',
    fetched BIGINT UNSIGNED NOT NULL COMMENT 'Messages that the latest run has fetched' DEFAULT '0',
    total_fetched BIGINT UNSIGNED NOT NULL COMMENT 'Messages that the collector ever fetched' DEFAULT '0',
    octets_received BIGINT UNSIGNED NOT NULL COMMENT 'Octets that upstream ever sent the collector, all commands' DEFAULT '0',
    octets_archived BIGINT UNSIGNED NOT NULL COMMENT 'Octets of the messages among them that went to the archive' DEFAULT '0',
    failure VARCHAR(500) NOT NULL COMMENT 'What is wrong, in one sentence; empty when all is well' DEFAULT '',
    retry_at DATETIME(6) COMMENT 'When the collector tries again after a failure (UTC)',
    told_at DATETIME(6) COMMENT 'When this row was last written by the collector (UTC)',
    PRIMARY KEY (account_id),
    FOREIGN KEY(account_id) REFERENCES account (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='How far the collector is with an account' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE collect_pause (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the pause' AUTO_INCREMENT,
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account',
    since DATETIME(6) NOT NULL COMMENT 'From when (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'Till when (UTC); 9999-12-31 while it holds',
    paused_by VARCHAR(255) NOT NULL COMMENT 'Who asked for it',
    PRIMARY KEY (id),
    FOREIGN KEY(account_id) REFERENCES account (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Times in which an account is not collected; each with its end' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX collect_pause_account ON collect_pause (account_id, until)""",
    """
CREATE TABLE collect_exclusion (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the choice' AUTO_INCREMENT,
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account',
    mailbox VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Name of the mailbox as people read it; those below it are left out too',
    since DATETIME(6) NOT NULL COMMENT 'From when (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'Till when (UTC); 9999-12-31 while it holds',
    set_by VARCHAR(255) NOT NULL COMMENT 'Who chose it',
    PRIMARY KEY (id),
    FOREIGN KEY(account_id) REFERENCES account (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Mailboxes that are left out on purpose; each choice with its end' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX collect_exclusion_account ON collect_exclusion (account_id, until)""",
    """
CREATE TABLE collect_mailbox (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
    mailbox_id BIGINT UNSIGNED NOT NULL COMMENT 'Mailbox',
    uidvalidity BIGINT UNSIGNED NOT NULL COMMENT 'UIDVALIDITY that upstream gave',
    uidnext BIGINT UNSIGNED NOT NULL COMMENT 'UIDNEXT when it was last complete; 0 before',
    messages BIGINT UNSIGNED NOT NULL COMMENT 'How many messages upstream then said there were',
    listed BIGINT UNSIGNED NOT NULL COMMENT 'How many UIDs upstream then listed',
    archived BIGINT UNSIGNED NOT NULL COMMENT 'How many of those the archive had',
    looked_at DATETIME(6) NOT NULL COMMENT 'When it was last looked at (UTC)',
    swept_at DATETIME(6) COMMENT 'When all UIDs were last compared (UTC)',
    failure VARCHAR(500) NOT NULL COMMENT 'What is missing and why, in one sentence; empty when nothing is' DEFAULT '',
    ended_at DATETIME(6) COMMENT 'When upstream was found to have it no more (UTC)',
    ended_because VARCHAR(20) NOT NULL COMMENT 'removed (or renamed), uidvalidity, or empty' DEFAULT '',
    PRIMARY KEY (id),
    CONSTRAINT collect_mailbox_place UNIQUE (mailbox_id, uidvalidity),
    FOREIGN KEY(mailbox_id) REFERENCES mailbox (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='What the collector last found in a mailbox; a row for each UIDVALIDITY' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE vanishing (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
    mailbox_id BIGINT UNSIGNED NOT NULL COMMENT 'Mailbox',
    uidvalidity BIGINT UNSIGNED NOT NULL COMMENT 'UIDVALIDITY of the place',
    uid BIGINT UNSIGNED NOT NULL COMMENT 'UID of the message there (sighting.uid)',
    cause VARCHAR(20) NOT NULL COMMENT 'client (removed through the proxy), mailbox (it went as a whole) or unknown',
    noticed_at DATETIME(6) NOT NULL COMMENT 'When it was noticed (UTC)',
    PRIMARY KEY (id),
    CONSTRAINT vanishing_place UNIQUE (mailbox_id, uidvalidity, uid),
    FOREIGN KEY(mailbox_id) REFERENCES mailbox (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='When a message disappeared from a mailbox upstream' COLLATE utf8mb4_unicode_ci
    """,
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
