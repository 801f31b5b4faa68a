"""The tables of the ledger. Frozen: a later change is a later version."""

from alembic import op

revision = "0005"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE ledger_entry (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the entry' AUTO_INCREMENT,
    kind VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'Table that was written',
    wrote MEDIUMTEXT NOT NULL COMMENT 'Keys of the rows: first-last or first-last/step (~: those that are there); others in full',
    PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Which rows one statement wrote, in the same transaction; their leaves follow' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE ledger_leaf (
    position BIGINT UNSIGNED NOT NULL COMMENT 'Place in the tree, from 0',
    kind VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'Table of the row',
    row_key VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'Key of the row',
    hash BINARY(32) NOT NULL COMMENT 'Leaf hash of the text in docs/ledger.md',
    PRIMARY KEY (position),
    CONSTRAINT ledger_leaf_row UNIQUE (kind, row_key)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='The leaves of the hash tree (RFC 6962), one for each row and what belongs to it' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE ledger_node (
    level INTEGER NOT NULL COMMENT 'The subtree has 256^level leaves',
    position BIGINT UNSIGNED NOT NULL COMMENT 'Place among those of its level, from 0',
    hash BINARY(32) NOT NULL COMMENT 'Hash of the subtree',
    PRIMARY KEY (level, position)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Hashes of complete subtrees, so that roots and proofs need few rows' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE ledger_key (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the key' AUTO_INCREMENT,
    verifier_key VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Name, key number and Ed25519 key (C2SP signed-note)',
    created_at DATETIME(6) NOT NULL COMMENT 'When the key was made (UTC)',
    PRIMARY KEY (id),
    UNIQUE (verifier_key)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='The public keys that checkpoints were signed with; the newest signs' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE checkpoint (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the checkpoint' AUTO_INCREMENT,
    size BIGINT UNSIGNED NOT NULL COMMENT 'Leaves in the tree',
    root BINARY(32) NOT NULL COMMENT 'Root of the tree',
    note TEXT NOT NULL COMMENT 'The signed note (C2SP tlog-checkpoint), as it was written to the folders',
    at DATETIME(6) NOT NULL COMMENT 'When it was signed (UTC)',
    PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='What the tree was at a moment, signed' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE checkpoint_stamp (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the stamp' AUTO_INCREMENT,
    checkpoint_id BIGINT UNSIGNED NOT NULL COMMENT 'Checkpoint that was stamped',
    authority VARCHAR(255) NOT NULL COMMENT 'Address of the authority',
    stamped_at DATETIME(6) NOT NULL COMMENT 'Time that the authority put into it (UTC)',
    response MEDIUMBLOB NOT NULL COMMENT 'The authority''s answer as it came (TimeStampResp, DER)',
    PRIMARY KEY (id),
    FOREIGN KEY(checkpoint_id) REFERENCES checkpoint (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='The time stamp of an authority on a checkpoint (RFC 3161)' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE verification (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the check' AUTO_INCREMENT,
    scope VARCHAR(20) NOT NULL COMMENT 'full or incremental',
    started_at DATETIME(6) NOT NULL COMMENT 'When it began (UTC)',
    ended_at DATETIME(6) NOT NULL COMMENT 'When it ended (UTC)',
    size BIGINT UNSIGNED NOT NULL COMMENT 'Leaves in the tree that was checked',
    findings INTEGER NOT NULL COMMENT 'How many things were found to be wrong',
    report LONGTEXT NOT NULL COMMENT 'What was checked and found (JSON, as `postbuch verify --json` prints it)',
    PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='One check of the archive against the ledger and its result' COLLATE utf8mb4_unicode_ci
    """,
)

# The write-once tables that were there before: their rows get entries, so that the ledger takes them up.
NUMBERED = (
    "mailbox", "address", "object", "image", "letter", "sighting", "outcome", "smtp_envelope", "refusal", "gap",
    "spool_file", "audit_event",
)  # fmt: skip
# 1,000 rows an entry: about what a batch of messages writes.
ROWS = 1000


def upgrade() -> None:
    """Make the tables, and entries for the rows that there are."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
    for name in NUMBERED:
        _enter_numbered(name)
    _enter_places()


def _enter_numbered(name: str) -> None:
    conn = op.get_bind()
    last = conn.exec_driver_sql(f"SELECT MAX(id) FROM `{name}`").scalar() or 0  # noqa: S608 - names above
    for start in range(1, int(last) + 1, ROWS):
        _enter(name, f"{start}~{min(start + ROWS - 1, int(last))}")


def _enter_places() -> None:
    after = (0, 0, 0)
    query = (
        "SELECT letter_id, account_id, mailbox_id FROM letter_place WHERE (letter_id, account_id, mailbox_id) > "
        "(%s, %s, %s) ORDER BY letter_id, account_id, mailbox_id LIMIT %s"
    )
    while rows := op.get_bind().exec_driver_sql(query, (*after, ROWS)).all():
        _enter("letter_place", " ".join(".".join(map(str, row)) for row in rows))
        after = tuple(rows[-1])


def _enter(name: str, wrote: str) -> None:
    op.get_bind().exec_driver_sql("INSERT INTO ledger_entry (kind, wrote) VALUES (%s, %s)", (name, wrote))
