"""The tables of signatures: what a message's DKIM signatures were worth, and by which records of the DNS."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String
from sqlalchemy.dialects import mysql

from postbuch.archive.columns import BIG, EXACT, TIME, Writes, col, id_column, reference, table
from postbuch.archive.widths import KEY_CHARACTERS

# As other sentences for people (`schema_collect.py`).
SENTENCE_CHARACTERS = 500
# A record of the DNS, octet by octet (latin-1): an RSA key of 8,192 bits has 1,500 characters.
RECORD_CHARACTERS = 4096
RECORD = mysql.VARCHAR(RECORD_CHARACTERS, collation="utf8mb4_bin")

dkim_check = table(
    "dkim_check", "The one look at the DKIM signatures of an image, soon after it arrived", Writes.ONCE,
    id_column("Number of the look"),
    reference("image_id", "image", "Image that was looked at", unique=True),
    col("from_domain", EXACT, "Domain of the sender (From); empty when the header names none, or several"),
    col("signature_count", Integer, "How many DKIM-Signature fields the header has"),
    col("dmarc_name", EXACT, "Name in the DNS where the sender's policy stood; empty when there was none"),
    col("dmarc_record", RECORD, "The policy as it was (RFC 7489), octets as Latin-1", nullable=True),
    col("reason", String(SENTENCE_CHARACTERS), "Why not everything was looked at; empty when it was"),
    col("checked_at", TIME, "When it was looked at, and the DNS was as it is said here (UTC)"),
)  # fmt: skip

dkim_verdict = table(
    "dkim_verdict", "What one DKIM signature was worth, with the key record as it was that day", Writes.ONCE,
    Column("check_id", BIG, ForeignKey("dkim_check.id"), primary_key=True, autoincrement=False, comment="Look"),
    Column("position", Integer, primary_key=True, autoincrement=False,
           comment="Place among the DKIM-Signature fields, from the top, from 0"),
    col("domain", EXACT, "Domain that signed (d=)"),
    col("selector", EXACT, "Which of its keys (s=)"),
    col("identity", String(KEY_CHARACTERS), "For whom it signed (i=); empty when not said"),
    col("algorithm", String(40), "By what (a=)"),
    col("verdict", String(20), "pass, part, expired, weak (these match), fail, no-key, unfit or unknown"),
    col("reason", String(SENTENCE_CHARACTERS), "What is to be said against it; empty when nothing is"),
    col("aligned", String(20), "Whether the domain is the sender's (RFC 7489): strict, relaxed, or empty"),
    col("in_force", Boolean, "1 when it matches and is near enough to the sender for the sender's policy"),
    col("key_name", EXACT, "Name in the DNS of its key; empty when there can be none"),
    col("key_record", RECORD, "The key as it was in the DNS, octets as Latin-1; empty when there was none",
        nullable=True),
)  # fmt: skip
