"""Lists: topics (threads), what a user chose for his lists, saved searches, and links to other programs."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, UniqueConstraint

from postbuch.archive.columns import BIG, DIGEST, TIME, Writes, col, id_column, reference, table
from postbuch.archive.widths import KEY_CHARACTERS

letter_topic = table(
    "letter_topic", "Which letters are one topic (thread); follows the letters and can be made again", Writes.VERSIONED,
    Column("letter_id", BIG, ForeignKey("letter.id"), primary_key=True, autoincrement=False, comment="Letter"),
    col("topic_id", BIG, "Number of the topic: the letter that it was first known by"),
    col("sort_at", TIME, "Copy of letter.sort_at (UTC)"),
    col("subject_sha256", DIGEST, "SHA-256 of the subject without Re:, AW: and the like, in lower case"),
    col("by_subject", Boolean, "1 when nothing but its subject says that it is an answer"),
    col("reason", String(20), "first, references, or subject"),
    Index("letter_topic_topic", "topic_id", "sort_at", "letter_id"),
    Index("letter_topic_subject", "subject_sha256", "by_subject", "sort_at"),
)

list_choice = table(
    "list_choice", "Columns and page size that a user chose for a list; each with its end", Writes.VERSIONED,
    id_column("Number of the choice"),
    reference("user_id", "app_user", "Who chose"),
    col("list_name", String(40), "Which list: letters, topics, media, senders"),
    col("column_names", String(1000), "Names of the columns in their order, with spaces between; empty for the usual"),
    col("page_size", Integer, "Rows of a page; 0 for the usual number"),
    col("since", TIME, "From when (UTC)"),
    col("until", TIME, "Till when (UTC); 9999-12-31 while it holds"),
    UniqueConstraint("user_id", "list_name", "until", name="list_choice_current"),
)

saved_search = table(
    "saved_search", "A list that a user keeps under a name; each with its end", Writes.VERSIONED,
    id_column("Number of the saved search"),
    reference("user_id", "app_user", "Whose it is"),
    col("name", String(KEY_CHARACTERS), "What it is called; letter case does not tell two apart"),
    col("address", String(4000), "The arguments of the list, as they stand in its address"),
    col("in_sidebar", Boolean, "1 when it stands among the folders"),
    col("since", TIME, "From when (UTC)"),
    col("until", TIME, "Till when (UTC); 9999-12-31 while it holds"),
    UniqueConstraint("user_id", "name", "until", name="saved_search_current"),
)

link_template = table(
    "link_template", "Links to other programs, shown on letters and senders; each with its end", Writes.VERSIONED,
    id_column("Number of the template"),
    col("name", String(KEY_CHARACTERS), "What the link is called"),
    col("template", String(2000), "The address with #EMAIL#, #DOMAIN#, #NAME#, #SUBJECT#, #MESSAGEID#, #ID#"),
    col("since", TIME, "From when (UTC)"),
    col("until", TIME, "Till when (UTC); 9999-12-31 while it holds"),
    col("made_by", String(KEY_CHARACTERS), "Who made it"),
    UniqueConstraint("name", "until", name="link_template_current"),
)
