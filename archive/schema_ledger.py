"""The tables of the ledger: what was written, the tree over it, its checkpoints, and what the checks found."""

from sqlalchemy import Column, Integer, String, UniqueConstraint
from sqlalchemy.dialects import mysql

from postbuch.archive.columns import BIG, DIGEST, EXACT, JSON, TIME, Covered, Writes, col, id_column, reference, table
from postbuch.archive.widths import KEY_CHARACTERS

# The longest name of a table (MariaDB allows 64); the longest key: three numbers of 20 digits with points between.
KIND_CHARACTERS = 64
ROW_KEY_CHARACTERS = 64

ledger_entry = table(
    "ledger_entry", "Which rows one statement wrote, in the same transaction; their leaves follow", Writes.ONCE_BY_ALL,
    id_column("Number of the entry"),
    col("kind", mysql.VARCHAR(KIND_CHARACTERS, collation="utf8mb4_bin"), "Table that was written"),
    col("wrote", mysql.MEDIUMTEXT(),
        "Keys of the rows: first-last or first-last/step (~: those that are there); others in full"),
    covered=Covered.ENTRY,
)  # fmt: skip

ledger_leaf = table(
    "ledger_leaf", "The leaves of the hash tree (RFC 6962), one for each row and what belongs to it", Writes.ONCE,
    Column("position", BIG, primary_key=True, autoincrement=False, comment="Place in the tree, from 0"),
    col("kind", mysql.VARCHAR(KIND_CHARACTERS, collation="utf8mb4_bin"), "Table of the row"),
    col("row_key", mysql.VARCHAR(ROW_KEY_CHARACTERS, collation="utf8mb4_bin"), "Key of the row"),
    col("hash", DIGEST, "Leaf hash of the text in docs/ledger.md"),
    # Each row once; and the way from a row to its leaf.
    UniqueConstraint("kind", "row_key", name="ledger_leaf_row"),
    covered=Covered.TREE,
)  # fmt: skip

ledger_node = table(
    "ledger_node", "Hashes of complete subtrees, so that roots and proofs need few rows", Writes.ONCE,
    Column("level", Integer, primary_key=True, autoincrement=False, comment="The subtree has 256^level leaves"),
    Column("position", BIG, primary_key=True, autoincrement=False, comment="Place among those of its level, from 0"),
    col("hash", DIGEST, "Hash of the subtree"),
    covered=Covered.TREE,
)  # fmt: skip

ledger_key = table(
    "ledger_key", "The public keys that checkpoints were signed with; the newest signs", Writes.ONCE,
    id_column("Number of the key"),
    col("verifier_key", EXACT, "Name, key number and Ed25519 key (C2SP signed-note)", unique=True),
    col("created_at", TIME, "When the key was made (UTC)"),
)  # fmt: skip

checkpoint = table(
    "checkpoint", "What the tree was at a moment, signed", Writes.ONCE,
    id_column("Number of the checkpoint"),
    col("size", BIG, "Leaves in the tree"),
    col("root", DIGEST, "Root of the tree"),
    col("note", mysql.TEXT(), "The signed note (C2SP tlog-checkpoint), as it was written to the folders"),
    col("at", TIME, "When it was signed (UTC)"),
)  # fmt: skip

checkpoint_stamp = table(
    "checkpoint_stamp", "The time stamp of an authority on a checkpoint (RFC 3161)", Writes.ONCE,
    id_column("Number of the stamp"),
    reference("checkpoint_id", "checkpoint", "Checkpoint that was stamped"),
    col("authority", String(KEY_CHARACTERS), "Address of the authority"),
    col("stamped_at", TIME, "Time that the authority put into it (UTC)"),
    col("response", mysql.MEDIUMBLOB(), "The authority's answer as it came (TimeStampResp, DER)"),
)  # fmt: skip

verification = table(
    "verification", "One check of the archive against the ledger and its result", Writes.ONCE,
    id_column("Number of the check"),
    col("scope", String(20), "full or incremental"),
    col("started_at", TIME, "When it began (UTC)"),
    col("ended_at", TIME, "When it ended (UTC)"),
    col("size", BIG, "Leaves in the tree that was checked"),
    col("findings", Integer, "How many things were found to be wrong"),
    col("report", JSON, "What was checked and found (JSON, as `postbuch verify --json` prints it)"),
)  # fmt: skip
