"""The tables of departments, and what finds events of the audit log. Frozen: a later change is a later version."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE department (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the department' AUTO_INCREMENT,
    name VARCHAR(255) NOT NULL COMMENT 'What it is called; letter case does not tell two apart',
    since DATETIME(6) NOT NULL COMMENT 'From when (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'Till when (UTC); 9999-12-31 while it holds',
    made_by VARCHAR(255) NOT NULL COMMENT 'Who made it',
    PRIMARY KEY (id),
    CONSTRAINT department_current UNIQUE (name, until)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='A department: its members read its accounts; each with its end' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE department_member (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the membership' AUTO_INCREMENT,
    department_id BIGINT UNSIGNED NOT NULL COMMENT 'Department',
    user_id BIGINT UNSIGNED NOT NULL COMMENT 'Who belongs to it',
    since DATETIME(6) NOT NULL COMMENT 'From when (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'Till when (UTC); 9999-12-31 while it holds',
    given_by VARCHAR(255) NOT NULL COMMENT 'Who chose it',
    PRIMARY KEY (id),
    CONSTRAINT department_member_current UNIQUE (department_id, user_id, until),
    FOREIGN KEY(department_id) REFERENCES department (id),
    FOREIGN KEY(user_id) REFERENCES app_user (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Who belongs to a department; each with its end' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX department_member_user ON department_member (user_id, until)""",
    """
CREATE TABLE department_account (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
    department_id BIGINT UNSIGNED NOT NULL COMMENT 'Department',
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account that its members read',
    since DATETIME(6) NOT NULL COMMENT 'From when (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'Till when (UTC); 9999-12-31 while it holds',
    given_by VARCHAR(255) NOT NULL COMMENT 'Who chose it',
    PRIMARY KEY (id),
    CONSTRAINT department_account_current UNIQUE (department_id, account_id, until),
    FOREIGN KEY(department_id) REFERENCES department (id),
    FOREIGN KEY(account_id) REFERENCES account (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Which accounts the members of a department read; each with its end' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX audit_event_actor ON audit_event (actor, at)""",
    """CREATE INDEX audit_event_action ON audit_event (action, at)""",
    """CREATE INDEX audit_event_target ON audit_event (target, at)""",
)


def upgrade() -> None:
    """Make the tables and the indexes."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
