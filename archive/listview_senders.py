"""The list of senders: each address that letters came from or went to, with how many, and when first and last."""

from postbuch.archive.filterform import Order
from postbuch.archive.listcolumn import Column, View
from postbuch.archive.listsummary import Summary
from postbuch.archive.schema_media import correspondent

ALIASES = {
    "email": "address", "e-mail": "address", "from": "address", "from_email": "address", "sender": "address",
    "absender": "address", "adresse": "address", "from_name": "name", "display_name": "name", "domaene": "domain",
    "letters_in": "in", "letters_out": "out", "date": "last", "maildate": "last", "datum": "last",
}  # fmt: skip
_rows = Summary(correspondent, "address_id", {
    "letters_in": "sum", "letters_out": "sum", "first_at": "min", "last_at": "max",
})  # fmt: skip

SENDERS = View(
    name="senders", title="Senders", key=_rows.key, source=_rows.source, of_texts=_rows.of_texts,
    newest=_rows.newest, keys=_rows.keys, aliases=ALIASES,
    order=(Order(field="last", descending=True),), words=_rows.words("display_name", "address"),
    columns=(
        Column(name="name", kind="text", title="Name", expression=lambda _: _rows["display_name"]),
        Column(name="address", kind="text", title="Address", expression=lambda _: _rows["address"],
               condition=_rows.lowered("address")),
        Column(name="domain", kind="text", title="Domain", expression=lambda _: _rows["domain"],
               condition=_rows.lowered("domain")),
        Column(name="in", kind="number", title="Received", expression=lambda _: _rows["letters_in"]),
        Column(name="out", kind="number", title="Sent to", expression=lambda _: _rows["letters_out"]),
        Column(name="first", kind="time", title="First", expression=lambda _: _rows["first_at"]),
        Column(name="last", kind="time", title="Last", expression=lambda _: _rows["last_at"]),
    ),
)  # fmt: skip
