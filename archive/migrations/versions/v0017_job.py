"""The tables of jobs and of API keys. Frozen: a later change is a later version."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE job (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the job' AUTO_INCREMENT,
    user_id BIGINT UNSIGNED NOT NULL COMMENT 'Who asked for it, sees it, and whose rights it has',
    kind VARCHAR(20) NOT NULL COMMENT 'table or messages: what is exported',
    title VARCHAR(255) NOT NULL COMMENT 'What it is about, for its owner: the list or the search',
    parameters MEDIUMTEXT NOT NULL COMMENT 'What is to be done, as JSON',
    state VARCHAR(20) NOT NULL COMMENT 'waiting, running, done, failed, cancelled, or expired',
    steps_done BIGINT UNSIGNED NOT NULL COMMENT 'Rows or messages that are written' DEFAULT '0',
    steps BIGINT UNSIGNED NOT NULL COMMENT 'How many there will be, as counted when it was asked for' DEFAULT '0',
    attempts INTEGER NOT NULL COMMENT 'How often it was begun' DEFAULT '0',
    cancel_asked BOOL NOT NULL COMMENT '1 when its owner wants it to end' DEFAULT '0',
    told BOOL NOT NULL COMMENT '1 when its owner was told that it has ended' DEFAULT '0',
    worker VARCHAR(40) NOT NULL COMMENT 'Who works on it; empty when nobody does' DEFAULT '',
    reason VARCHAR(1000) NOT NULL COMMENT 'Why it failed, in one sentence; empty when it did not' DEFAULT '',
    file_name VARCHAR(255) NOT NULL COMMENT 'What the result is called when it is saved' DEFAULT '',
    content_type VARCHAR(255) NOT NULL COMMENT 'Media type of the result' DEFAULT '',
    size_octets BIGINT UNSIGNED NOT NULL COMMENT 'Length of the result in octets' DEFAULT '0',
    made_at DATETIME(6) NOT NULL COMMENT 'When it was asked for (UTC)',
    beat_at DATETIME(6) NOT NULL COMMENT 'When its worker was last heard of (UTC)',
    ended_at DATETIME(6) COMMENT 'When it ended, well or not (UTC)',
    expires_at DATETIME(6) COMMENT 'When its result is removed (UTC)',
    PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES app_user (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Long work that somebody asked for, with its progress and where its result is' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX job_state ON job (state, id)""",
    """CREATE INDEX job_user ON job (user_id, id)""",
    """
CREATE TABLE api_key (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the key' AUTO_INCREMENT,
    user_id BIGINT UNSIGNED NOT NULL COMMENT 'In whose name it asks, with his rights and no more',
    name VARCHAR(255) NOT NULL COMMENT 'What it is for',
    hint VARCHAR(20) NOT NULL COMMENT 'Its first characters, by which people tell keys apart',
    key_sha256 BINARY(32) NOT NULL COMMENT 'SHA-256 of the key; the key itself is kept nowhere',
    scopes VARCHAR(255) NOT NULL COMMENT 'What it may do, with spaces between',
    since DATETIME(6) NOT NULL COMMENT 'From when (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'Till when (UTC); 9999-12-31 while it holds',
    made_by VARCHAR(255) NOT NULL COMMENT 'Who made it',
    used_at DATETIME(6) COMMENT 'When it was last used, to the minute (UTC); empty for never',
    PRIMARY KEY (id),
    CONSTRAINT api_key_current UNIQUE (user_id, name, until),
    FOREIGN KEY(user_id) REFERENCES app_user (id),
    UNIQUE (key_sha256)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='A key by which a program asks in the name of a user; each with its end' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX api_key_user ON api_key (user_id, until)""",
)


def upgrade() -> None:
    """Make the tables and the indexes."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
