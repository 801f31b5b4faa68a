"""The tables of where and when an image was seen, what became of it, and what was not kept. Taken in by `schema.py`."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String
from sqlalchemy.dialects import mysql

from postbuch.archive.columns import BIG, EXACT, TIME, Writes, col, id_column, reference, table
from postbuch.archive.widths import KEY_CHARACTERS

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
