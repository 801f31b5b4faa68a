"""Long work with a result (exports), and the keys that programs ask with."""

from sqlalchemy import Boolean, Index, Integer, String, UniqueConstraint
from sqlalchemy.dialects import mysql

from postbuch.archive.columns import BIG, DIGEST, TIME, Writes, col, id_column, reference, table
from postbuch.archive.widths import KEY_CHARACTERS

job = table(
    "job", "Long work that somebody asked for, with its progress and where its result is", Writes.VERSIONED,
    id_column("Number of the job"),
    reference("user_id", "app_user", "Who asked for it, sees it, and whose rights it has"),
    col("title", String(KEY_CHARACTERS), "What it is about, for its owner: the list or the search"),
    col("parameters", mysql.MEDIUMTEXT(), "What is to be done, as JSON"),
    col("state", String(20), "waiting, running, done, failed, cancelled, or expired"),
    col("steps_done", BIG, "Rows or messages that are written", server_default="0"),
    col("steps", BIG, "How many there will be, as counted when it was asked for", server_default="0"),
    col("attempts", Integer, "How often it was begun", server_default="0"),
    col("cancel_asked", Boolean, "1 when its owner wants it to end", server_default="0"),
    col("told", Boolean, "1 when its owner was told that it has ended", server_default="0"),
    col("worker", String(40), "Who works on it; empty when nobody does", server_default=""),
    col("reason", String(1000), "Why it failed, in one sentence; empty when it did not", server_default=""),
    col("file_name", String(KEY_CHARACTERS), "What the result is called when it is saved", server_default=""),
    col("content_type", String(KEY_CHARACTERS), "Media type of the result", server_default=""),
    col("size_octets", BIG, "Length of the result in octets", server_default="0"),
    col("made_at", TIME, "When it was asked for (UTC)"),
    col("beat_at", TIME, "When its worker was last heard of (UTC)"),
    col("ended_at", TIME, "When it ended, well or not (UTC)", nullable=True),
    col("expires_at", TIME, "When its result is removed (UTC)", nullable=True),
    Index("job_user", "user_id", "id"),
    Index("job_state", "state", "id"),
)

api_key = table(
    "api_key", "A key by which a program asks in the name of a user; each with its end", Writes.VERSIONED,
    id_column("Number of the key"),
    reference("user_id", "app_user", "In whose name it asks, with his rights and no more"),
    col("name", String(KEY_CHARACTERS), "What it is for"),
    col("hint", String(20), "Its first characters, by which people tell keys apart"),
    col("key_sha256", DIGEST, "SHA-256 of the key; the key itself is kept nowhere", unique=True),
    col("scopes", String(KEY_CHARACTERS), "What it may do, with spaces between"),
    col("since", TIME, "From when (UTC)"),
    col("until", TIME, "Till when (UTC); 9999-12-31 while it holds"),
    col("made_by", String(KEY_CHARACTERS), "Who made it"),
    col("used_at", TIME, "When it was last used, to the minute (UTC); empty for never", nullable=True),
    Index("api_key_user", "user_id", "until"),
    UniqueConstraint("user_id", "name", "until", name="api_key_current"),
)
