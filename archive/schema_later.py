"""The tables of what a later reading found in images: parts within others that an earlier one did not open.

The rows of `part` and `body_text` stay as they were written. All of this can be made again from the octets.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String
from sqlalchemy.dialects import mysql

from postbuch.archive.columns import BIG, DIGEST, TIME, Writes, col, table
from postbuch.archive.widths import KEY_CHARACTERS

later_progress = table(
    "later_progress", "How far the images were looked through for what a version of the reader finds in them",
    Writes.REVISED,
    Column("reader", Integer, primary_key=True, autoincrement=False, comment="Version of the reader"),
    col("upto", BIG, "Last image that was looked through"),
    col("until", BIG, "Last image that was there when it began; newer ones were read by it at once"),
)  # fmt: skip

later_reading = table(
    "later_reading", "An image in which a later reading found more than its rows say", Writes.REVISED,
    Column("image_id", BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    col("text", mysql.MEDIUMTEXT(), "Text of the body in place of body_text, first 65,536 characters"),
    col("read_at", TIME, "When it was read again (UTC)"),
    Index("later_reading_read", "read_at"),  # the index of the search follows it
)  # fmt: skip

later_part = table(
    "later_part", "One MIME part as a later reading has it: added to the rows of part, or in place of one",
    Writes.REVISED,
    Column("image_id", BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="Order of the leaf parts, from 0"),
    col("content_type", String(KEY_CHARACTERS), "Media type in lower case; empty: no such part is found any more"),
    col("disposition", String(20), "attachment, inline, or empty"),
    col("file_name", String(KEY_CHARACTERS), "File name as sent, decoded; empty when there is none"),
    col("content_id", String(KEY_CHARACTERS), "Content-ID without brackets; empty when there is none"),
    col("size_octets", BIG, "Length of the decoded part in octets"),
    col("sha256", DIGEST, "SHA-256 of the decoded part"),
    col("is_attachment", Boolean, "1 when people would call it an attachment"),
    Index("later_part_sha256", "sha256"),
)  # fmt: skip
