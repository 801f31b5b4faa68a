"""The tables of lists: topics, choices of users, saved searches, links. Frozen: a later change is a later version."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE letter_topic (
    letter_id BIGINT UNSIGNED NOT NULL COMMENT 'Letter',
    topic_id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the topic: the letter that it was first known by',
    sort_at DATETIME(6) NOT NULL COMMENT 'Copy of letter.sort_at (UTC)',
    subject_sha256 BINARY(32) NOT NULL COMMENT 'SHA-256 of the subject without Re:, AW: and the like, in lower case',
    by_subject BOOL NOT NULL COMMENT '1 when nothing but its subject says that it is an answer',
    reason VARCHAR(20) NOT NULL COMMENT 'first, references, or subject',
    PRIMARY KEY (letter_id),
    FOREIGN KEY(letter_id) REFERENCES letter (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Which letters are one topic (thread); follows the letters and can be made again' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX letter_topic_subject ON letter_topic (subject_sha256, by_subject, sort_at)""",
    """CREATE INDEX letter_topic_topic ON letter_topic (topic_id, sort_at, letter_id)""",
    """
CREATE TABLE list_choice (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the choice' AUTO_INCREMENT,
    user_id BIGINT UNSIGNED NOT NULL COMMENT 'Who chose',
    list_name VARCHAR(40) NOT NULL COMMENT 'Which list: letters, topics, media, senders',
    column_names VARCHAR(1000) NOT NULL COMMENT 'Names of the columns in their order, with spaces between; empty for the usual',
    page_size INTEGER NOT NULL COMMENT 'Rows of a page; 0 for the usual number',
    since DATETIME(6) NOT NULL COMMENT 'From when (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'Till when (UTC); 9999-12-31 while it holds',
    PRIMARY KEY (id),
    CONSTRAINT list_choice_current UNIQUE (user_id, list_name, until),
    FOREIGN KEY(user_id) REFERENCES app_user (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Columns and page size that a user chose for a list; each with its end' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE saved_search (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the saved search' AUTO_INCREMENT,
    user_id BIGINT UNSIGNED NOT NULL COMMENT 'Whose it is',
    name VARCHAR(255) NOT NULL COMMENT 'What it is called; letter case does not tell two apart',
    address VARCHAR(4000) NOT NULL COMMENT 'The arguments of the list, as they stand in its address',
    in_sidebar BOOL NOT NULL COMMENT '1 when it stands among the folders',
    since DATETIME(6) NOT NULL COMMENT 'From when (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'Till when (UTC); 9999-12-31 while it holds',
    PRIMARY KEY (id),
    CONSTRAINT saved_search_current UNIQUE (user_id, name, until),
    FOREIGN KEY(user_id) REFERENCES app_user (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='A list that a user keeps under a name; each with its end' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE link_template (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the template' AUTO_INCREMENT,
    name VARCHAR(255) NOT NULL COMMENT 'What the link is called',
    template VARCHAR(2000) NOT NULL COMMENT 'The address with #EMAIL#, #DOMAIN#, #NAME#, #SUBJECT#, #MESSAGEID#, #ID#',
    since DATETIME(6) NOT NULL COMMENT 'From when (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'Till when (UTC); 9999-12-31 while it holds',
    made_by VARCHAR(255) NOT NULL COMMENT 'Who made it',
    PRIMARY KEY (id),
    CONSTRAINT link_template_current UNIQUE (name, until)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Links to other programs, shown on letters and senders; each with its end' COLLATE utf8mb4_unicode_ci
    """,
)


def upgrade() -> None:
    """Make the tables and their indexes."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
