"""The tables of the collector: what it found at upstream, how far it is, what has disappeared there.

Which messages the archive has is no state of these tables: the sightings say it, so the two can never disagree.
"""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Index, String, UniqueConstraint

from postbuch.archive.columns import BIG, EXACT, TIME, Writes, col, id_column, reference, table
from postbuch.archive.widths import KEY_CHARACTERS

# A sentence for people, as in `gap` and `refusal`.
SENTENCE_CHARACTERS = 500
# What stands in `until` while a choice holds.
FOREVER = datetime(9999, 12, 31)

collect_account = table(
    "collect_account", "How far the collector is with an account", Writes.VERSIONED,
    Column("account_id", BIG, ForeignKey("account.id"), primary_key=True, autoincrement=False, comment="Account"),
    col("state", String(20), "waiting, working, idle, failing, paused, none (nothing is collected) or no-credential"),
    col("began_at", TIME, "When the latest run began (UTC)", nullable=True),
    col("finished_at", TIME, "When all mailboxes were last found complete (UTC)", nullable=True),
    col("asked_at", TIME, "When a person last asked for a run (UTC)", nullable=True),
    col("wanted", BIG, "Messages that the latest run found to fetch", server_default="0"),
    col("fetched", BIG, "Messages that the latest run has fetched", server_default="0"),
    col("total_fetched", BIG, "Messages that the collector ever fetched", server_default="0"),
    col("octets_received", BIG, "Octets that upstream ever sent the collector, all commands", server_default="0"),
    col("octets_archived", BIG, "Octets of the messages among them that went to the archive", server_default="0"),
    col("failure", String(SENTENCE_CHARACTERS), "What is wrong, in one sentence; empty when all is well",
        server_default=""),
    col("retry_at", TIME, "When the collector tries again after a failure (UTC)", nullable=True),
    col("told_at", TIME, "When this row was last written by the collector (UTC)", nullable=True),
    col("named_to", BIG, "Latest sighting (sighting.id) for which a provider was asked what it calls the message",
        server_default="0"),
)

collect_pause = table(
    "collect_pause", "Times in which an account is not collected; each with its end", Writes.VERSIONED,
    id_column("Number of the pause"),
    reference("account_id", "account", "Account"),
    col("since", TIME, "From when (UTC)"),
    col("until", TIME, "Till when (UTC); 9999-12-31 while it holds"),
    col("paused_by", String(KEY_CHARACTERS), "Who asked for it"),
    Index("collect_pause_account", "account_id", "until"),
)

collect_exclusion = table(
    "collect_exclusion", "Mailboxes that are left out on purpose; each choice with its end", Writes.VERSIONED,
    id_column("Number of the choice"),
    reference("account_id", "account", "Account"),
    col("mailbox", EXACT, "Name of the mailbox as people read it; those below it are left out too"),
    col("since", TIME, "From when (UTC)"),
    col("until", TIME, "Till when (UTC); 9999-12-31 while it holds"),
    col("set_by", String(KEY_CHARACTERS), "Who chose it"),
    Index("collect_exclusion_account", "account_id", "until"),
)

collect_mailbox = table(
    "collect_mailbox", "What the collector last found in a mailbox; a row for each UIDVALIDITY", Writes.VERSIONED,
    id_column("Number of the row"),
    reference("mailbox_id", "mailbox", "Mailbox"),
    col("uidvalidity", BIG, "UIDVALIDITY that upstream gave"),
    col("uidnext", BIG, "UIDNEXT when it was last complete; 0 before"),
    col("messages", BIG, "How many messages upstream then said there were"),
    col("listed", BIG, "How many UIDs upstream then listed"),
    col("archived", BIG, "How many of those the archive had"),
    col("looked_at", TIME, "When it was last looked at (UTC)"),
    col("swept_at", TIME, "When all UIDs were last compared (UTC)", nullable=True),
    col("failure", String(SENTENCE_CHARACTERS), "What is missing and why, in one sentence; empty when nothing is",
        server_default=""),
    col("ended_at", TIME, "When upstream was found to have it no more (UTC)", nullable=True),
    col("ended_because", String(20), "removed (or renamed), uidvalidity, or empty", server_default=""),
    UniqueConstraint("mailbox_id", "uidvalidity", name="collect_mailbox_place"),
)

provider_identity = table(
    "provider_identity", "What a provider calls an image, in whatever mailbox it shows it", Writes.ONCE,
    id_column("Number of the row"),
    reference("account_id", "account", "Account"),
    col("name", EXACT, "X-GM-MSGID and its number (Gmail)"),
    reference("image_id", "image", "Image whose octets were read, or whose place had them, under this name"),
    col("known_at", TIME, "When it was learnt (UTC)"),
    UniqueConstraint("account_id", "name", "image_id", name="provider_identity_name"),
)

vanishing = table(
    "vanishing", "When a message disappeared from a mailbox upstream", Writes.ONCE,
    id_column("Number of the row"),
    reference("mailbox_id", "mailbox", "Mailbox"),
    col("uidvalidity", BIG, "UIDVALIDITY of the place"),
    col("uid", BIG, "UID of the message there (sighting.uid)"),
    col("cause", String(20), "client (removed through the proxy), mailbox (it went as a whole) or unknown"),
    col("noticed_at", TIME, "When it was noticed (UTC)"),
    UniqueConstraint("mailbox_id", "uidvalidity", "uid", name="vanishing_place"),
)
