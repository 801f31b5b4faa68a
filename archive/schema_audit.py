"""The record of who did what."""

from sqlalchemy import Index, String

from postbuch.archive.columns import JSON, TIME, Writes, col, id_column, table
from postbuch.archive.widths import KEY_CHARACTERS

audit_event = table(
    "audit_event", "Who did what, from where, when, on what", Writes.ONCE_BY_ALL,
    id_column("Number of the event"),
    col("at", TIME, "When (UTC)"),
    col("actor", String(KEY_CHARACTERS), "Who: a log-in name, or the command with its system user"),
    col("origin", String(60), "From where: client address, or cli"),
    col("action", String(60), "What: log-in, view, source, search, account-add, …"),
    col("target", String(KEY_CHARACTERS), "On what: letter 12, account anna@firma.example, …"),
    col("before_value", JSON, "Values before (JSON)", nullable=True),
    col("after_value", JSON, "Values after (JSON)", nullable=True),
    Index("audit_event_at", "at"),
    # One for each way to ask, in the order of the answer: newest first.
    Index("audit_event_actor", "actor", "at"),
    Index("audit_event_action", "action", "at"),
    Index("audit_event_target", "target", "at"),
)
