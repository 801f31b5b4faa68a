"""The tables of attachments and correspondents: the words of files, and what lists of both are read from.

All of it can be made again from what the ledger covers, so it is not covered itself.
"""

from sqlalchemy import Column, Index, Integer, String
from sqlalchemy.dialects import mysql

from postbuch.archive.columns import BIG, DIGEST, EXACT, TIME, Covered, Writes, col, id_column, table
from postbuch.archive.widths import ADDRESS_CHARACTERS, KEY_CHARACTERS

# Sentences of `extract_reasons.py`; the longest has 90 characters.
REASON_CHARACTERS = 200
# The account of the rows that hold what all accounts together have.
EVERY_ACCOUNT = 0
_ACCOUNT = "Account; 0 for all accounts together"

object_text = table(
    "object_text", "The words of one attachment, for finding", Writes.ONCE,
    id_column("Number of the row; rises in the order of reading"),
    col("sha256", DIGEST, "SHA-256 of the file, as in part and object", unique=True),
    col("text", mysql.MEDIUMTEXT(), "Its words, first 1,000,000 characters"),
    col("reason", String(REASON_CHARACTERS), "Why not all of it can be found; empty when it can"),
    col("extractor", String(40), "What it was read as: pdf, docx, xlsx, pptx, odf, mail, text …"),
    col("characters", Integer, "How many characters were read"),
    col("extracted_at", TIME, "When it was read (UTC)"),
    Index("object_text_extracted", "extracted_at"),  # the index of the search follows it
    covered=Covered.REMADE,
)  # fmt: skip

tallied_image = table(
    "tallied_image", "Which image of which account is counted in attachment_summary and correspondent", Writes.ONCE,
    Column("account_id", BIG, primary_key=True, autoincrement=False, comment=_ACCOUNT),
    Column("image_id", BIG, primary_key=True, autoincrement=False, comment="Image"),
    Index("tallied_image_image", "image_id"),
    covered=Covered.REMADE,
)

attachment = table(
    "attachment", "One distinct file that letters have beside their text", Writes.ONCE,
    id_column("Number of the file; addresses of pages use it"),
    col("sha256", DIGEST, "SHA-256 of the file, as in part and object", unique=True),
    col("size_octets", BIG, "Length of the file in octets"),
    covered=Covered.REMADE,
)

attachment_summary = table(
    "attachment_summary", "Each distinct attachment of an account once; the media pages read this", Writes.VERSIONED,
    Column("account_id", BIG, primary_key=True, autoincrement=False, comment=_ACCOUNT),
    Column("attachment_id", BIG, primary_key=True, autoincrement=False, comment="File"),
    col("family", String(20), "What people take it for: pdf, image, document, sheet, slides, mail, archive …"),
    col("content_type", String(KEY_CHARACTERS), "Media type in the newest letter"),
    col("file_name", String(KEY_CHARACTERS), "File name in the newest letter; empty when there is none"),
    col("sender", mysql.VARCHAR(ADDRESS_CHARACTERS, collation="utf8mb4_bin"), "Who sent the newest letter"),
    col("size_octets", BIG, "Length of the file in octets"),
    col("letters", Integer, "How many letters have it"),
    col("first_at", TIME, "Arrival of the first letter with it (UTC)"),
    col("last_at", TIME, "Arrival of the newest letter with it (UTC)"),
    Index("attachment_summary_last", "account_id", "last_at"),
    Index("attachment_summary_size", "account_id", "size_octets"),
    Index("attachment_summary_family", "account_id", "family", "last_at"),
    Index("attachment_summary_name", "account_id", "file_name"),
    Index("attachment_summary_sender", "account_id", "sender", "last_at"),
)

correspondent = table(
    "correspondent", "Each address that an account exchanged letters with; the page of senders reads this",
    Writes.VERSIONED,
    Column("account_id", BIG, primary_key=True, autoincrement=False, comment=_ACCOUNT),
    Column("address_id", BIG, primary_key=True, autoincrement=False, comment="Address"),
    col("address", mysql.VARCHAR(ADDRESS_CHARACTERS, collation="utf8mb4_bin"), "Copy of address.address"),
    col("domain", EXACT, "Copy of address.domain"),
    col("display_name", String(KEY_CHARACTERS), "Name beside the address in the newest letter that has one"),
    col("letters_in", Integer, "How many letters came from it"),
    col("letters_out", Integer, "How many letters were sent to it, To, Cc and Bcc"),
    col("first_at", TIME, "Arrival of the first letter (UTC)"),
    col("last_at", TIME, "Arrival of the newest letter (UTC)"),
    Index("correspondent_last", "account_id", "last_at"),
    Index("correspondent_in", "account_id", "letters_in"),
    Index("correspondent_out", "account_id", "letters_out"),
    Index("correspondent_name", "account_id", "display_name"),
    Index("correspondent_address", "account_id", "address"),
    Index("correspondent_domain", "account_id", "domain"),
)  # fmt: skip
