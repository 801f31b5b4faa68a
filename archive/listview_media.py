"""The list of attachments: each distinct file once, however many letters have it."""

from postbuch.archive.filterform import Order
from postbuch.archive.listcolumn import Column, View
from postbuch.archive.listsummary import Summary
from postbuch.archive.schema_media import attachment_summary

ALIASES = {
    "type": "family", "kind": "family", "art": "family", "filename": "name", "file_name": "name", "dateiname": "name",
    "attachment": "name", "files": "name", "from": "sender", "from_email": "sender", "absender": "sender",
    "date": "last", "maildate": "last", "datum": "last", "size_octets": "size", "mails": "letters",
}  # fmt: skip
_rows = Summary(attachment_summary, "attachment_id", {
    "size_octets": "max", "letters": "sum", "first_at": "min", "last_at": "max",
})  # fmt: skip

MEDIA = View(
    name="media", title="Attachments", key=_rows.key, source=_rows.source, of_texts=_rows.of_texts,
    newest=_rows.newest, keys=_rows.keys, aliases=ALIASES,
    order=(Order(field="last", descending=True),), words=_rows.words("file_name", "sender"),
    columns=(
        Column(name="name", kind="text", title="Name", expression=lambda _: _rows["file_name"]),
        Column(name="family", kind="text", title="Kind", expression=lambda _: _rows["family"],
               condition=_rows.lowered("family")),
        Column(name="size", kind="size", title="Size", expression=lambda _: _rows["size_octets"]),
        Column(name="letters", kind="number", title="Letters", expression=lambda _: _rows["letters"]),
        Column(name="sender", kind="text", title="From", expression=lambda _: _rows["sender"],
               condition=_rows.lowered("sender")),
        Column(name="last", kind="time", title="Last", expression=lambda _: _rows["last_at"]),
        Column(name="first", kind="time", title="First", expression=lambda _: _rows["first_at"], shown_first=False),
        Column(name="content_type", kind="text", title="Media type", expression=lambda _: _rows["content_type"],
               shown_first=False),
    ),
)  # fmt: skip
