"""The tables of the images, their objects and what was read of them. Taken in by `schema.py`."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String
from sqlalchemy.dialects import mysql

from postbuch.archive.columns import BIG, DIGEST, EXACT, TIME, Writes, col, id_column, reference, start_column, table
from postbuch.archive.widths import ADDRESS_CHARACTERS, KEY_CHARACTERS, SUBJECT_CHARACTERS

image = table(
    "image", "One distinct message, octet for octet", Writes.ONCE,
    id_column("Number of the image"),
    col("sha256", DIGEST, "SHA-256 of the octets", unique=True),
    col("size_octets", BIG, "Length of the message in octets"),
    col("skeleton", mysql.LONGBLOB(), "The octets without the attachments cut out (zstd; layout in docs/archive.md)"),
    col("parser", String(20), "Which parser read it: fast, compat, or none when it could not be read"),
    col("defect", String(500), "Why it could not be read in full; empty when it could", server_default=""),
    col("archived_at", TIME, "When the image was committed here (UTC)"),
    Index("image_size", "size_octets", "id"),
)

object_ = table(
    "object", "One distinct attachment file, decoded", Writes.ONCE,
    id_column("Number of the object"),
    col("sha256", DIGEST, "SHA-256 of the file", unique=True),
    col("size_octets", BIG, "Length of the file in octets"),
    col("created_at", TIME, "When the file was first stored (UTC)"),
)

image_object = table(
    "image_object", "Which object was cut out of which image", Writes.ONCE,
    Column("image_id", BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="Place in the skeleton, from 0"),
    reference("object_id", "object", "Object that stands there"),
    Index("image_object_object", "object_id"),
)

part = table(
    "part", "One MIME part of an image", Writes.ONCE,
    Column("image_id", BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="Order of the leaf parts, from 0"),
    col("content_type", String(KEY_CHARACTERS), "Media type in lower case"),
    col("disposition", String(20), "attachment, inline, or empty"),
    col("file_name", String(KEY_CHARACTERS), "File name as sent, decoded; empty when there is none"),
    col("content_id", String(KEY_CHARACTERS), "Content-ID without brackets; empty when there is none"),
    col("size_octets", BIG, "Length of the decoded part in octets"),
    col("sha256", DIGEST, "SHA-256 of the decoded part"),
    col("is_attachment", Boolean, "1 when people would call it an attachment"),
    Index("part_sha256", "sha256"),
)

header_summary = table(
    "header_summary", "The header fields that people look for", Writes.ONCE,
    Column("image_id", BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    col("subject", String(SUBJECT_CHARACTERS), "Subject, decoded, first 1,000 characters"),
    col("message_id", EXACT, "Message-ID without brackets; never decides what is a duplicate"),
    col("in_reply_to", EXACT, "First Message-ID of In-Reply-To"),
    col("thread_root", EXACT, "First Message-ID of References, else In-Reply-To, else its own"),
    col("date_header", TIME, "Date header (UTC); empty when absent or unreadable", nullable=True),
    col("from_display", String(SUBJECT_CHARACTERS), "From as people read it"),
    col("to_display", String(SUBJECT_CHARACTERS), "To as people read it, first 1,000 characters"),
    col("attachment_count", Integer, "How many attachments people would count"),
    col("preview", String(300), "The first words of the text"),
    start_column("from_start", "from_display", "First 80 characters of from_display, computed; lists are sorted by it"),
    start_column("subject_start", "subject", "First 80 characters of subject, computed; lists are sorted by it"),
    Index("header_summary_message_id", "message_id"),
    Index("header_summary_thread", "thread_root"),
    Index("header_summary_from", "from_start", "image_id"),
    Index("header_summary_subject", "subject_start", "image_id"),
)

body_text = table(
    "body_text", "The readable text of an image, for finding", Writes.ONCE,
    Column("image_id", BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    col("text", mysql.MEDIUMTEXT(), "Text of the body, first 65,536 characters"),
)

address = table(
    "address", "One mail address", Writes.ONCE,
    id_column("Number of the address"),
    col("address", mysql.VARCHAR(ADDRESS_CHARACTERS, collation="utf8mb4_bin"), "Lower case, stripped", unique=True),
    col("domain", EXACT, "Domain in lower case"),
    Index("address_domain", "domain"),
)

image_address = table(
    "image_address", "Who stands in which address field", Writes.ONCE,
    Column("image_id", BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    Column("field", String(10), primary_key=True, comment="from, sender, reply-to, to, cc or bcc"),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="Order in the field, from 0"),
    reference("address_id", "address", "Address"),
    col("display_name", String(KEY_CHARACTERS), "Name beside the address, decoded"),
    Index("image_address_address", "address_id", "field"),
)
