"""The tables of the archive as SQLAlchemy Core objects. A public interface: people read it by ODBC.

Names in the singular, a COMMENT on every table and column, utf8mb4, times in UTC with microseconds. What may change
is said by `Writes` on each table: the grants and the triggers (`access.py`) are made from it, not from a second list.
The migrations are frozen text; a test holds the migrated database to these objects. Accounts, users and letters are
here; each other part has a file of its own (`schema_….py`), and all are taken in here, so that `metadata` is whole for
whoever imports it.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, UniqueConstraint

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
from postbuch.archive.schema_image import address as address
from postbuch.archive.schema_image import body_text as body_text
from postbuch.archive.schema_image import header_summary as header_summary
from postbuch.archive.schema_image import image as image
from postbuch.archive.schema_image import image_address as image_address
from postbuch.archive.schema_image import image_object as image_object
from postbuch.archive.schema_image import object_ as object_
from postbuch.archive.schema_image import part as part
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
from postbuch.archive.schema_sighting import gap as gap
from postbuch.archive.schema_sighting import outcome as outcome
from postbuch.archive.schema_sighting import refusal as refusal
from postbuch.archive.schema_sighting import sighting as sighting
from postbuch.archive.schema_sighting import smtp_envelope as smtp_envelope
from postbuch.archive.schema_sighting import smtp_recipient as smtp_recipient
from postbuch.archive.schema_sighting import spool_file as spool_file
from postbuch.archive.widths import KEY_CHARACTERS, SORT_CHARACTERS

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
