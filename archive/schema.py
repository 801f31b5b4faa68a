"""The tables of the archive as SQLAlchemy Core objects. A public interface: people read it by ODBC.

Names in the singular, a COMMENT on every table and column, utf8mb4, times in UTC with microseconds. What may change
is said by `Writes` on each table: the grants and the triggers (`access.py`) are made from it, not from a second list.
The migrations are frozen text; a test holds the migrated database to these objects.
"""

from enum import Enum
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, MetaData, String, Table, UniqueConstraint
from sqlalchemy.dialects import mysql


class Writes(Enum):
    """Who may write a table, and how."""

    ONCE = "once"  # INSERT by `ingest`; nobody changes or removes a row
    ONCE_BY_ALL = "once by all"  # INSERT by `ingest` and `web` (audit); nobody changes or removes a row
    VERSIONED = "versioned"  # INSERT and UPDATE by `ingest` and `web`; nobody removes a row


metadata = MetaData()

# 255 characters: the longest key that fits every InnoDB row format with utf8mb4 (4 x 255 = 1,020 < 3,072 octets).
KEY_CHARACTERS = 255
# RFC 5321 section 4.5.3.1: 64 local + 1 + 255 domain octets.
ADDRESS_CHARACTERS = 320
# What of a decoded subject or name is kept for finding; the octets keep all of it.
SUBJECT_CHARACTERS = 1000
# What of the readable text is kept for finding: 64 Ki characters, some 30 printed pages.
BODY_CHARACTERS = 65_536

_BIG = mysql.BIGINT(unsigned=True)
_TIME = mysql.DATETIME(fsp=6)
_EXACT = mysql.VARCHAR(KEY_CHARACTERS, collation="utf8mb4_bin")
_DIGEST = mysql.BINARY(32)
_JSON = mysql.LONGTEXT()


def _id(comment: str) -> Column[Any]:
    return Column("id", _BIG, primary_key=True, autoincrement=True, comment=comment)


def _ref(name: str, target: str, comment: str, **kw: Any) -> Column[Any]:
    kw.setdefault("nullable", False)
    return Column(name, _BIG, ForeignKey(f"{target}.id"), comment=comment, **kw)


def _col(name: str, kind: Any, comment: str, **kw: Any) -> Column[Any]:
    kw.setdefault("nullable", False)
    return Column(name, kind, comment=comment, **kw)


def _table(name: str, comment: str, writes: Writes, *items: Any) -> Table:
    return Table(
        name,
        metadata,
        *items,
        comment=comment,
        info={"writes": writes},
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_ci",
    )


# --- configuration -------------------------------------------------------------------------------------------------

account = _table(
    "account", "A log-in at an upstream provider", Writes.VERSIONED,
    _id("Number of the account"),
    _col("address", _EXACT, "Log-in name in lower case, for example anna@firma.example", unique=True),
    _col("upstream", String(KEY_CHARACTERS), "Name of the upstream in the configuration"),
    _col("archive", String(KEY_CHARACTERS), "What is archived: all, none, or mailbox names", server_default="all"),
    _col("active", Boolean, "0 when the account was removed; its messages stay", server_default="1"),
    _col("created_at", _TIME, "When the account was first known (UTC)"),
)

mailbox = _table(
    "mailbox", "A mailbox (folder) of an account", Writes.ONCE,
    _id("Number of the mailbox"),
    _ref("account_id", "account", "Account it belongs to"),
    _col("name", _EXACT, "Name as people read it (decoded from modified UTF-7)"),
    _col("created_at", _TIME, "When the mailbox was first seen (UTC)"),
    UniqueConstraint("account_id", "name", name="mailbox_name"),
)

app_user = _table(
    "app_user", "A person who logs in to the web mail client or owns commands", Writes.VERSIONED,
    _id("Number of the user"),
    _col("login", _EXACT, "Log-in name in lower case, an e-mail address", unique=True),
    _col("role", String(20), "employee, auditor or admin"),
    _col("password_hash", String(255), "argon2id; empty when upstream checks the password", server_default=""),
    _col("language", String(5), "de, en, or empty for what the browser asks for", server_default=""),
    _col("active", Boolean, "0 when the user may no longer log in", server_default="1"),
    _col("created_at", _TIME, "When the user was made (UTC)"),
)

account_grant = _table(
    "account_grant", "Which user may read which account; each grant with its end", Writes.VERSIONED,
    _id("Number of the grant"),
    _ref("user_id", "app_user", "Who may read"),
    _ref("account_id", "account", "Which account; empty for all accounts", nullable=True),
    _col("since", _TIME, "From when (UTC)"),
    _col("until", _TIME, "Till when (UTC); 9999-12-31 while it holds"),
    _col("granted_by", String(KEY_CHARACTERS), "Who gave it"),
    Index("account_grant_user", "user_id", "until"),
)

web_session = _table(
    "web_session", "A log-in to the web mail client; each with its end", Writes.VERSIONED,
    _id("Number of the session"),
    _col("token_sha256", _DIGEST, "SHA-256 of the secret in the browser's cookie", unique=True),
    _ref("user_id", "app_user", "Who logged in"),
    _col("client_address", String(60), "Where the log-in came from"),
    _col("since", _TIME, "When the log-in was (UTC)"),
    _col("seen_at", _TIME, "When the last page was asked for, to the minute (UTC)"),
    _col("until", _TIME, "When it ends at the latest, or when the user logged out (UTC)"),
    Index("web_session_user", "user_id", "until"),
)

# --- the images and what is known of them --------------------------------------------------------------------------

image = _table(
    "image", "One distinct message, octet for octet", Writes.ONCE,
    _id("Number of the image"),
    _col("sha256", _DIGEST, "SHA-256 of the octets", unique=True),
    _col("size_octets", _BIG, "Length of the message in octets"),
    _col("skeleton", mysql.LONGBLOB(), "The octets without the attachments cut out (zstd; layout in docs/archive.md)"),
    _col("parser", String(20), "Which parser read it: fast, compat, or none when it could not be read"),
    _col("defect", String(500), "Why it could not be read in full; empty when it could", server_default=""),
    _col("archived_at", _TIME, "When the image was committed here (UTC)"),
)

object_ = _table(
    "object", "One distinct attachment file, decoded", Writes.ONCE,
    _id("Number of the object"),
    _col("sha256", _DIGEST, "SHA-256 of the file", unique=True),
    _col("size_octets", _BIG, "Length of the file in octets"),
    _col("created_at", _TIME, "When the file was first stored (UTC)"),
)

image_object = _table(
    "image_object", "Which object was cut out of which image", Writes.ONCE,
    Column("image_id", _BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="Place in the skeleton, from 0"),
    _ref("object_id", "object", "Object that stands there"),
    Index("image_object_object", "object_id"),
)

part = _table(
    "part", "One MIME part of an image", Writes.ONCE,
    Column("image_id", _BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="Order of the leaf parts, from 0"),
    _col("content_type", String(KEY_CHARACTERS), "Media type in lower case"),
    _col("disposition", String(20), "attachment, inline, or empty"),
    _col("file_name", String(KEY_CHARACTERS), "File name as sent, decoded; empty when there is none"),
    _col("content_id", String(KEY_CHARACTERS), "Content-ID without brackets; empty when there is none"),
    _col("size_octets", _BIG, "Length of the decoded part in octets"),
    _col("sha256", _DIGEST, "SHA-256 of the decoded part"),
    _col("is_attachment", Boolean, "1 when people would call it an attachment"),
)

header_summary = _table(
    "header_summary", "The header fields that people look for", Writes.ONCE,
    Column("image_id", _BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    _col("subject", String(SUBJECT_CHARACTERS), "Subject, decoded, first 1,000 characters"),
    _col("message_id", _EXACT, "Message-ID without brackets; never decides what is a duplicate"),
    _col("in_reply_to", _EXACT, "First Message-ID of In-Reply-To"),
    _col("thread_root", _EXACT, "First Message-ID of References, else In-Reply-To, else its own"),
    _col("date_header", _TIME, "Date header (UTC); empty when absent or unreadable", nullable=True),
    _col("from_display", String(SUBJECT_CHARACTERS), "From as people read it"),
    _col("to_display", String(SUBJECT_CHARACTERS), "To as people read it, first 1,000 characters"),
    _col("attachment_count", Integer, "How many attachments people would count"),
    _col("preview", String(300), "The first words of the text"),
    Index("header_summary_message_id", "message_id"),
    Index("header_summary_thread", "thread_root"),
)

body_text = _table(
    "body_text", "The readable text of an image, for finding", Writes.ONCE,
    Column("image_id", _BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    _col("text", mysql.MEDIUMTEXT(), "Text of the body, first 65,536 characters"),
)

address = _table(
    "address", "One mail address", Writes.ONCE,
    _id("Number of the address"),
    _col("address", mysql.VARCHAR(ADDRESS_CHARACTERS, collation="utf8mb4_bin"), "Lower case, stripped", unique=True),
    _col("domain", _EXACT, "Domain in lower case"),
    Index("address_domain", "domain"),
)

image_address = _table(
    "image_address", "Who stands in which address field", Writes.ONCE,
    Column("image_id", _BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    Column("field", String(10), primary_key=True, comment="from, sender, reply-to, to, cc or bcc"),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="Order in the field, from 0"),
    _ref("address_id", "address", "Address"),
    _col("display_name", String(KEY_CHARACTERS), "Name beside the address, decoded"),
    Index("image_address_address", "address_id", "field"),
)

# --- letters: what people call "the mail" --------------------------------------------------------------------------

letter = _table(
    "letter", "What people call the mail: the images linked as one", Writes.ONCE,
    _id("Number of the letter; permalinks use it"),
    _ref("first_image_id", "image", "Image that made the letter; shown unless a better one is asked for", unique=True),
    _col("sort_at", _TIME, "Arrival: first INTERNALDATE, else Date header, else first seen; never in the future (UTC)"),
    Index("letter_sort", "sort_at"),
)

letter_image = _table(
    "letter_image", "Which images are one letter; links only grow", Writes.ONCE,
    Column("image_id", _BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    _ref("letter_id", "letter", "Letter"),
    _col("reason", String(40), "first, message-id, or content"),
    Index("letter_image_letter", "letter_id"),
)

link_key = _table(
    "link_key", "By what two images are found to be one letter", Writes.ONCE,
    Column("image_id", _BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    _col("body_sha256", _DIGEST, "SHA-256 of the decoded leaf bodies"),
    _col("people_sha256", _DIGEST, "SHA-256 of subject and addresses"),
    _col("original_id", _EXACT, "Message-ID, or the original-ID header that a provider kept"),
    Index("link_key_body", "body_sha256"),
)

letter_place = _table(
    "letter_place", "In which account and mailbox a letter was seen; the list pages read this", Writes.ONCE,
    # The letter first: a key that begins like the indexes below tempts MariaDB into sorting what they hold in order.
    Column("letter_id", _BIG, ForeignKey("letter.id"), primary_key=True, autoincrement=False, comment="Letter"),
    Column("account_id", _BIG, ForeignKey("account.id"), primary_key=True, autoincrement=False, comment="Account"),
    Column("mailbox_id", _BIG, primary_key=True, autoincrement=False, comment="Mailbox; 0 for submission"),
    _col("sort_at", _TIME, "Copy of letter.sort_at (UTC)"),
    Index("letter_place_newest", "account_id", "sort_at", "letter_id"),
    Index("letter_place_mailbox", "account_id", "mailbox_id", "sort_at", "letter_id"),
)

# --- where and when it was seen ------------------------------------------------------------------------------------

sighting = _table(
    "sighting", "One time an image was seen somewhere", Writes.ONCE,
    _id("Number of the sighting"),
    _col("capture", mysql.BINARY(16), "Number that the spool gave the capture; makes a replay harmless", unique=True),
    _ref("image_id", "image", "Image"),
    _ref("account_id", "account", "Account"),
    _ref("mailbox_id", "mailbox", "Mailbox; empty for submission", nullable=True),
    _col("source", String(20), "fetch, append, submission, collector or import"),
    _col("uidvalidity", _BIG, "UIDVALIDITY; empty when not known", nullable=True),
    _col("uid", _BIG, "UID; empty when not known", nullable=True),
    _col("flags", String(1000), "Flags as upstream or the client said them"),
    _col("internal_date", _TIME, "INTERNALDATE (UTC); empty when not known", nullable=True),
    _col("session", String(40), "Session of the proxy"),
    _col("client_address", String(60), "Where the client connected from"),
    _col("normalised", Boolean, "1 when bare line ends were relayed as CRLF", server_default="0"),
    _col("seen_at", _TIME, "When it passed (UTC)"),
    Index("sighting_image", "image_id", "account_id"),
    Index("sighting_place", "mailbox_id", "uidvalidity", "uid"),
    Index("sighting_account", "account_id", "seen_at"),
)

outcome = _table(
    "outcome", "What upstream answered to an APPEND or a submission", Writes.ONCE,
    _id("Number of the outcome"),
    _col("capture", mysql.BINARY(16), "Capture that it is the answer to (sighting.capture)", unique=True),
    _col("verdict", String(20), "accepted, refused, or unknown"),
    _col("code", Integer, "SMTP reply code; 0 for IMAP"),
    _col("text", String(1000), "Upstream's answer, or why there is none"),
    _col("uidvalidity", _BIG, "UIDVALIDITY of APPENDUID; empty when not said", nullable=True),
    _col("uid", _BIG, "UID of APPENDUID; empty when not said", nullable=True),
    _col("at", _TIME, "When (UTC)"),
)

smtp_envelope = _table(
    "smtp_envelope", "The envelope of one submission", Writes.ONCE,
    _id("Number of the envelope"),
    _col("capture", mysql.BINARY(16), "Capture of the message (sighting.capture); unique", unique=True),
    _ref("account_id", "account", "Account that submitted"),
    _col("mail_from", String(KEY_CHARACTERS), "MAIL FROM address"),
    _col("parameters", String(KEY_CHARACTERS), "ESMTP parameters of MAIL"),
    _col("client_address", String(60), "Where the client connected from"),
    _col("client_name", String(KEY_CHARACTERS), "What the client said in EHLO"),
    _col("at", _TIME, "When MAIL was given (UTC)"),
)

smtp_recipient = _table(
    "smtp_recipient", "One RCPT TO with upstream's reply; includes Bcc", Writes.ONCE,
    Column("envelope_id", _BIG, ForeignKey("smtp_envelope.id"), primary_key=True, autoincrement=False,
           comment="Envelope"),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="Order of the RCPT commands, from 0"),
    _ref("address_id", "address", "Recipient"),
    _col("code", Integer, "Upstream's reply code"),
    _col("text", String(1000), "Upstream's reply"),
    _col("accepted", Boolean, "1 when upstream took the recipient"),
    Index("smtp_recipient_address", "address_id"),
)

refusal = _table(
    "refusal", "A message that we could not keep, with the reason", Writes.ONCE,
    _id("Number of the refusal"),
    _col("capture", mysql.BINARY(16), "Capture", unique=True),
    _ref("account_id", "account", "Account; empty when not known", nullable=True),
    _col("source", String(20), "fetch, append, submission, collector or import"),
    _col("reason", String(500), "Why, in one sentence"),
    _col("size_octets", _BIG, "Length as far as known"),
    _col("spooled", Boolean, "1 when the message had been captured before it was refused", server_default="0"),
    _col("at", _TIME, "When (UTC)"),
)

gap = _table(
    "gap", "A message known to have existed and not seen in full", Writes.ONCE,
    _id("Number of the gap"),
    _col("capture", mysql.BINARY(16), "Number that the spool gave the event", unique=True),
    _ref("account_id", "account", "Account"),
    _ref("mailbox_id", "mailbox", "Mailbox", nullable=True),
    _col("uidvalidity", _BIG, "UIDVALIDITY; empty when not known", nullable=True),
    _col("uid", _BIG, "UID; empty when not known", nullable=True),
    _col("reason", String(500), "Why it was not seen, in one sentence"),
    _col("at", _TIME, "When (UTC)"),
)

spool_file = _table(
    "spool_file", "One spool file that was drained: what the books are balanced against", Writes.ONCE,
    _id("Number of the row"),
    _col("name", _EXACT, "Name of the file", unique=True),
    _col("messages", Integer, "Captured messages in it, counted by the one who wrote it"),
    _col("events", Integer, "Other records in it"),
    _col("drained_at", _TIME, "When its records were committed (UTC)"),
)

# --- work done on letters, and the record of who did what -----------------------------------------------------------

mark = _table(
    "mark", "Read marks of a user on a letter; each with its end", Writes.VERSIONED,
    _id("Number of the mark"),
    _ref("user_id", "app_user", "User"),
    _ref("letter_id", "letter", "Letter"),
    _col("kind", String(20), "read"),
    _col("since", _TIME, "From when (UTC)"),
    _col("until", _TIME, "Till when (UTC); 9999-12-31 while it holds"),
    UniqueConstraint("user_id", "letter_id", "kind", "until", name="mark_current"),
)

audit_event = _table(
    "audit_event", "Who did what, from where, when, on what", Writes.ONCE_BY_ALL,
    _id("Number of the event"),
    _col("at", _TIME, "When (UTC)"),
    _col("actor", String(KEY_CHARACTERS), "Who: a log-in name, or the command with its system user"),
    _col("origin", String(60), "From where: client address, or cli"),
    _col("action", String(60), "What: log-in, view, source, search, account-add, …"),
    _col("target", String(KEY_CHARACTERS), "On what: letter 12, account anna@firma.example, …"),
    _col("before_value", _JSON, "Values before (JSON)", nullable=True),
    _col("after_value", _JSON, "Values after (JSON)", nullable=True),
    Index("audit_event_at", "at"),
)
