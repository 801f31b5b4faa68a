"""The tables of the archive as SQLAlchemy Core objects. A public interface: people read it by ODBC.

Names in the singular, a COMMENT on every table and column, utf8mb4, times in UTC with microseconds. What may change
is said by `Writes` on each table: the grants and the triggers (`access.py`) are made from it, not from a second list.
The migrations are frozen text; a test holds the migrated database to these objects. Newer parts have a
file of their own (`schema_….py`), and all are taken in here, so that `metadata` is whole for whoever imports it.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.dialects import mysql

from postbuch.archive.columns import (
    BIG,
    DIGEST,
    EXACT,
    TIME,
    Covered,
    Writes,
    col,
    id_column,
    reference,
    start_column,
    table,
)
from postbuch.archive.columns import metadata as metadata
from postbuch.archive.schema_audit import audit_event as audit_event
from postbuch.archive.schema_collect import collect_account as collect_account
from postbuch.archive.schema_collect import collect_exclusion as collect_exclusion
from postbuch.archive.schema_collect import collect_mailbox as collect_mailbox
from postbuch.archive.schema_collect import collect_pause as collect_pause
from postbuch.archive.schema_collect import provider_identity as provider_identity
from postbuch.archive.schema_collect import vanishing as vanishing
from postbuch.archive.schema_credential import credential as credential
from postbuch.archive.schema_department import department as department
from postbuch.archive.schema_department import department_account as department_account
from postbuch.archive.schema_department import department_member as department_member
from postbuch.archive.schema_dkim import dkim_check as dkim_check
from postbuch.archive.schema_dkim import dkim_verdict as dkim_verdict
from postbuch.archive.schema_job import api_key as api_key
from postbuch.archive.schema_job import job as job
from postbuch.archive.schema_later import later_part as later_part
from postbuch.archive.schema_later import later_progress as later_progress
from postbuch.archive.schema_later import later_reading as later_reading
from postbuch.archive.schema_ledger import ledger_entry as ledger_entry
from postbuch.archive.schema_ledger import ledger_leaf as ledger_leaf
from postbuch.archive.schema_ledger import ledger_node as ledger_node
from postbuch.archive.schema_lists import letter_topic as letter_topic
from postbuch.archive.schema_lists import link_template as link_template
from postbuch.archive.schema_lists import list_choice as list_choice
from postbuch.archive.schema_lists import saved_search as saved_search
from postbuch.archive.schema_media import attachment as attachment
from postbuch.archive.schema_media import attachment_summary as attachment_summary
from postbuch.archive.schema_media import correspondent as correspondent
from postbuch.archive.schema_media import object_text as object_text
from postbuch.archive.schema_media import tallied_image as tallied_image
from postbuch.archive.widths import ADDRESS_CHARACTERS, KEY_CHARACTERS, SORT_CHARACTERS, SUBJECT_CHARACTERS

# --- configuration -------------------------------------------------------------------------------------------------

account = table(
    "account", "A log-in at an upstream provider", Writes.VERSIONED,
    id_column("Number of the account"),
    col("address", EXACT, "Log-in name in lower case, for example anna@firma.example", unique=True),
    col("upstream", String(KEY_CHARACTERS), "Name of the upstream in the configuration"),
    col("archive", String(KEY_CHARACTERS), "What is archived: all, none, or mailbox names", server_default="all"),
    col("active", Boolean, "0 when the account was removed; its messages stay", server_default="1"),
    col("created_at", TIME, "When the account was first known (UTC)"),
)

mailbox = table(
    "mailbox", "A mailbox (folder) of an account", Writes.ONCE,
    id_column("Number of the mailbox"),
    reference("account_id", "account", "Account it belongs to"),
    col("name", EXACT, "Name as people read it (decoded from modified UTF-7)"),
    col("created_at", TIME, "When the mailbox was first seen (UTC)"),
    UniqueConstraint("account_id", "name", name="mailbox_name"),
)

app_user = table(
    "app_user", "A person who logs in to the web mail client or owns commands", Writes.VERSIONED,
    id_column("Number of the user"),
    col("login", EXACT, "Log-in name in lower case, an e-mail address", unique=True),
    col("role", String(20), "employee, auditor or admin"),
    col("password_hash", String(255), "argon2id; empty when upstream checks the password", server_default=""),
    col("language", String(5), "de, en, or empty for what the browser asks for", server_default=""),
    col("active", Boolean, "0 when the user may no longer log in", server_default="1"),
    col("created_at", TIME, "When the user was made (UTC)"),
)

account_grant = table(
    "account_grant", "Which user may read which account; each grant with its end", Writes.VERSIONED,
    id_column("Number of the grant"),
    reference("user_id", "app_user", "Who may read"),
    reference("account_id", "account", "Which account; empty for all accounts", nullable=True),
    col("since", TIME, "From when (UTC)"),
    col("until", TIME, "Till when (UTC); 9999-12-31 while it holds"),
    col("granted_by", String(KEY_CHARACTERS), "Who gave it"),
    Index("account_grant_user", "user_id", "until"),
)

web_session = table(
    "web_session", "A log-in to the web mail client; each with its end", Writes.VERSIONED,
    id_column("Number of the session"),
    col("token_sha256", DIGEST, "SHA-256 of the secret in the browser's cookie", unique=True),
    reference("user_id", "app_user", "Who logged in"),
    col("client_address", String(60), "Where the log-in came from"),
    col("since", TIME, "When the log-in was (UTC)"),
    col("seen_at", TIME, "When the last page was asked for, to the minute (UTC)"),
    col("until", TIME, "When it ends at the latest, or when the user logged out (UTC)"),
    Index("web_session_user", "user_id", "until"),
)

# --- the images and what is known of them --------------------------------------------------------------------------

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

# --- letters: what people call "the mail" --------------------------------------------------------------------------

letter = table(
    "letter", "What people call the mail: the images linked as one", Writes.ONCE,
    id_column("Number of the letter; permalinks use it"),
    reference("first_image_id", "image", "Image that made the letter; shown unless a better one is asked for",
              unique=True),
    col("sort_at", TIME, "Arrival: first INTERNALDATE, else Date header, else first seen; never in the future (UTC)"),
    Index("letter_sort", "sort_at"),
)

letter_image = table(
    "letter_image", "Which images are one letter; links only grow", Writes.ONCE,
    Column("image_id", BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    reference("letter_id", "letter", "Letter"),
    col("reason", String(40), "first, message-id, or content"),
    Index("letter_image_letter", "letter_id"),
)

link_key = table(
    "link_key", "By what two images are found to be one letter", Writes.ONCE,
    Column("image_id", BIG, ForeignKey("image.id"), primary_key=True, autoincrement=False, comment="Image"),
    col("body_sha256", DIGEST, "SHA-256 of the decoded leaf bodies"),
    col("people_sha256", DIGEST, "SHA-256 of subject and addresses"),
    col("original_id", EXACT, "Message-ID, or the original-ID header that a provider kept"),
    Index("link_key_body", "body_sha256"),
)

letter_place = table(
    "letter_place", "In which account and mailbox a letter was seen; the list pages read this", Writes.ONCE,
    # The letter first: a key that begins like the indexes below tempts MariaDB into sorting what they hold in order.
    Column("letter_id", BIG, ForeignKey("letter.id"), primary_key=True, autoincrement=False, comment="Letter"),
    Column("account_id", BIG, ForeignKey("account.id"), primary_key=True, autoincrement=False, comment="Account"),
    Column("mailbox_id", BIG, primary_key=True, autoincrement=False, comment="Mailbox; 0 for submission"),
    col("sort_at", TIME, "Copy of letter.sort_at (UTC)"),
    Index("letter_place_newest", "account_id", "sort_at", "letter_id"),
    Index("letter_place_mailbox", "account_id", "mailbox_id", "sort_at", "letter_id"),
    covered=Covered.ALONE,  # a letter may be seen elsewhere long after it was made
)

seen_sender = table(
    "seen_sender", "Which account saw which image, by its sender; lists sorted by sender read this", Writes.ONCE,
    Column("account_id", BIG, ForeignKey("account.id"), primary_key=True, autoincrement=False, comment="Account"),
    Column("from_start", String(SORT_CHARACTERS), primary_key=True, comment="Copy of header_summary.from_start"),
    Column("image_id", BIG, primary_key=True, autoincrement=False, comment="Image"),
    covered=Covered.REMADE,
)

# --- where and when it was seen ------------------------------------------------------------------------------------

sighting = table(
    "sighting", "One time an image was seen somewhere", Writes.ONCE,
    id_column("Number of the sighting"),
    col("capture", mysql.BINARY(16), "Number that the spool gave the capture; makes a replay harmless", unique=True),
    reference("image_id", "image", "Image"),
    reference("account_id", "account", "Account"),
    reference("mailbox_id", "mailbox", "Mailbox; empty for submission", nullable=True),
    col("source", String(20), "fetch, append, submission, collector or import"),
    col("uidvalidity", BIG, "UIDVALIDITY; empty when not known", nullable=True),
    col("uid", BIG, "UID; empty when not known", nullable=True),
    col("flags", String(1000), "Flags as upstream or the client said them"),
    col("internal_date", TIME, "INTERNALDATE (UTC); empty when not known", nullable=True),
    col("session", String(40), "Session of the proxy"),
    col("client_address", String(60), "Where the client connected from"),
    col("normalised", Boolean, "1 when bare line ends were relayed as CRLF", server_default="0"),
    col("seen_at", TIME, "When it passed (UTC)"),
    col("recognised_by", String(60), "By what upstream's message was recognised, with the same length, when its octets "
        "were not fetched again: X-GM-MSGID and its number, or APPENDUID; empty when they were read", nullable=True),
    Index("sighting_image", "image_id", "account_id"),
    Index("sighting_place", "mailbox_id", "uidvalidity", "uid"),
    Index("sighting_account", "account_id", "seen_at", "image_id"),
)

outcome = table(
    "outcome", "What upstream answered to an APPEND or a submission", Writes.ONCE,
    id_column("Number of the outcome"),
    col("capture", mysql.BINARY(16), "Capture that it is the answer to (sighting.capture)", unique=True),
    col("verdict", String(20), "accepted, refused, or unknown"),
    col("code", Integer, "SMTP reply code; 0 for IMAP"),
    col("text", String(1000), "Upstream's answer, or why there is none"),
    col("uidvalidity", BIG, "UIDVALIDITY of APPENDUID; empty when not said", nullable=True),
    col("uid", BIG, "UID of APPENDUID; empty when not said", nullable=True),
    col("at", TIME, "When (UTC)"),
)

smtp_envelope = table(
    "smtp_envelope", "The envelope of one submission", Writes.ONCE,
    id_column("Number of the envelope"),
    col("capture", mysql.BINARY(16), "Capture of the message (sighting.capture); unique", unique=True),
    reference("account_id", "account", "Account that submitted"),
    col("mail_from", String(KEY_CHARACTERS), "MAIL FROM address"),
    col("parameters", String(KEY_CHARACTERS), "ESMTP parameters of MAIL"),
    col("client_address", String(60), "Where the client connected from"),
    col("client_name", String(KEY_CHARACTERS), "What the client said in EHLO"),
    col("at", TIME, "When MAIL was given (UTC)"),
)

smtp_recipient = table(
    "smtp_recipient", "One RCPT TO with upstream's reply; includes Bcc", Writes.ONCE,
    Column("envelope_id", BIG, ForeignKey("smtp_envelope.id"), primary_key=True, autoincrement=False,
           comment="Envelope"),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="Order of the RCPT commands, from 0"),
    reference("address_id", "address", "Recipient"),
    col("code", Integer, "Upstream's reply code"),
    col("text", String(1000), "Upstream's reply"),
    col("accepted", Boolean, "1 when upstream took the recipient"),
    Index("smtp_recipient_address", "address_id"),
)

refusal = table(
    "refusal", "A message that we could not keep, with the reason", Writes.ONCE,
    id_column("Number of the refusal"),
    col("capture", mysql.BINARY(16), "Capture", unique=True),
    reference("account_id", "account", "Account; empty when not known", nullable=True),
    col("source", String(20), "fetch, append, submission, collector or import"),
    col("reason", String(500), "Why, in one sentence"),
    col("size_octets", BIG, "Length as far as known"),
    col("spooled", Boolean, "1 when the message had been captured before it was refused", server_default="0"),
    col("at", TIME, "When (UTC)"),
)

gap = table(
    "gap", "A message known to have existed and not seen in full", Writes.ONCE,
    id_column("Number of the gap"),
    col("capture", mysql.BINARY(16), "Number that the spool gave the event", unique=True),
    reference("account_id", "account", "Account"),
    reference("mailbox_id", "mailbox", "Mailbox", nullable=True),
    col("uidvalidity", BIG, "UIDVALIDITY; empty when not known", nullable=True),
    col("uid", BIG, "UID; empty when not known", nullable=True),
    col("reason", String(500), "Why it was not seen, in one sentence"),
    col("at", TIME, "When (UTC)"),
)

spool_file = table(
    "spool_file", "One spool file that was drained: what the books are balanced against", Writes.ONCE,
    id_column("Number of the row"),
    col("name", EXACT, "Name of the file", unique=True),
    col("messages", Integer, "Captured messages in it, counted by the one who wrote it"),
    col("events", Integer, "Other records in it"),
    col("drained_at", TIME, "When its records were committed (UTC)"),
)

# --- work done on letters -----------------------------------------------------------------------------------------

mark = table(
    "mark", "Read marks of a user on a letter; each with its end", Writes.VERSIONED,
    id_column("Number of the mark"),
    reference("user_id", "app_user", "User"),
    reference("letter_id", "letter", "Letter"),
    col("kind", String(20), "read"),
    col("since", TIME, "From when (UTC)"),
    col("until", TIME, "Till when (UTC); 9999-12-31 while it holds"),
    UniqueConstraint("user_id", "letter_id", "kind", "until", name="mark_current"),
)
