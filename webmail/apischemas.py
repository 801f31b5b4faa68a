"""What goes in and out of the interface for programs, for its description (OpenAPI 3.1) and for checking arguments."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from postbuch.archive import apikeys, attachments, clock, export_list, filtergrammar
from postbuch.webmail.apistrict import Flag, Number, Strict
from postbuch.webmail.letterfiles import SOURCES

MAX_LIMIT = 200
_ID = validate.Range(min=0, max=2**63 - 1)


def _is_zone(name: str) -> None:
    if not name:
        return
    try:
        clock.named(name)
    except LookupError:
        raise ValidationError("There is no such time zone; give an IANA name, as Europe/Berlin.") from None


class OnClock(Strict):
    """On whose clock days are meant."""

    tz = fields.String(load_default="", validate=_is_zone, metadata={"description": (
        "IANA name of the time zone that days are meant in (`Europe/Berlin`); UTC when there is none. Times in answers "
        "are in UTC all the same"
    )})  # fmt: skip


class Narrowed(OnClock):
    """What a list shows: the arguments of its address on the pages."""

    q = fields.String(load_default="", metadata={"description": (
        "A search as in the search box (`invoice from:anna has:attachment`), or conditions "
        "(`(from~contains~anna)(date~moreequal~2026-01-01)`)"
    )})  # fmt: skip
    qs = fields.String(load_default="", metadata={"description": "More search words beside conditions"})
    within = fields.String(load_default="", metadata={"description": "Conditions as in `q` that must all hold"})
    criteria = fields.String(load_default="", validate=validate.OneOf(["", "and", "or"]))
    tab = fields.String(load_default="", metadata={"description": "all, in, out, unread or read"})
    account = fields.Integer(load_default=None, allow_none=True, validate=_ID)
    mailbox = fields.Integer(load_default=None, allow_none=True, validate=_ID)


class Ordered(Narrowed):
    """And in which order."""

    orderby = fields.String(load_default="", metadata={"description": "`ddate` or `afrom;ddate`"})


class NewestQuery(OnClock):
    """Newest first by number, so that polling with since_id gives what is new in the archive."""

    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=MAX_LIMIT))
    since_id = fields.Integer(load_default=None, validate=_ID, metadata={"description": (
        "Those with a higher number; a letter that another account had before has a lower one"
    )})  # fmt: skip
    before_id = fields.Integer(load_default=None, metadata={"description": "Those with a lower number"}, validate=_ID)


class LettersQuery(NewestQuery, Narrowed):
    """Those that are asked for."""


class PlaceQuery(Strict):
    """Which part of a list."""

    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=MAX_LIMIT))
    offset = fields.Integer(load_default=0, validate=validate.Range(min=0, max=1_000_000))


class RowsQuery(PlaceQuery, Ordered):
    """Any other list, page by page."""


class SuggestionsQuery(Strict):
    """What somebody is typing."""

    q = fields.String(required=True, validate=validate.Length(max=filtergrammar.MAX_CHARACTERS))
    limit = fields.Integer(load_default=8, validate=validate.Range(min=1, max=50))


class Suggestion(Schema):
    """A search that begins so."""

    q = fields.String(required=True)


class KeptSearch(Schema):
    """A list that is kept under a name."""

    id = fields.Integer(required=True, metadata={"description": "Another one after each change; the old ones lead on"})
    name = fields.String(required=True)
    arguments = fields.Dict(keys=fields.String(), values=fields.String(), required=True, metadata={"description": (
        "Those of its list's address: `q`, `within`, `tab` …"
    )})  # fmt: skip
    counted = fields.Boolean(required=True, metadata={"description": "Whether its unread letters are counted"})
    unread = fields.Integer(required=True, allow_none=True, metadata={"description": "null where they are not counted"})
    more_unread = fields.Boolean(required=True, metadata={"description": "Whether there are more than `unread` says"})


class Me(Schema):
    """Who asks."""

    login = fields.String(required=True)
    role = fields.String(required=True)
    key = fields.String(required=True, metadata={"description": "Name of the key"})
    scopes = fields.List(fields.String(validate=validate.OneOf(apikeys.SCOPES)), required=True)


class Letter(Schema):
    """One letter in a list."""

    id = fields.Integer(required=True)
    subject = fields.String(required=True)
    from_ = fields.String(data_key="from", attribute="from", required=True)
    to = fields.String(required=True)
    cc = fields.List(fields.String(), required=True)
    date = fields.String(required=True, metadata={"format": "date-time", "description": "Arrival (UTC)"})
    written = fields.String(allow_none=True, metadata={"format": "date-time", "description": "Date header (UTC)"})
    archived_at = fields.String(required=True, metadata={"format": "date-time"})
    preview = fields.String(required=True)
    message_id = fields.String(required=True)
    account = fields.List(fields.String(), required=True)
    mailbox = fields.List(fields.String(), required=True)
    attachments = fields.Integer(required=True)
    files = fields.List(fields.String(), required=True)
    size = fields.Integer(required=True)
    unread = fields.Boolean(required=True)


class Attachment(Schema):
    """One attachment of a letter."""

    image = fields.Integer(required=True, metadata={"description": "Number of the message that holds it"})
    position = fields.Integer(required=True, metadata={"description": "Its place among the parts of the message"})
    source = fields.String(required=True, allow_none=True, validate=validate.OneOf(SOURCES), metadata={"description": (
        "`message`: a part of the message itself; `container`: it stands in another part, as in `winmail.dat` or "
        "`smime.p7m`; `text`: it stands in a text, uuencoded or as yEnc; null: the message could not be taken apart in "
        "time, or is damaged"
    )})  # fmt: skip
    container = fields.Integer(required=True, allow_none=True, metadata={"description": (
        "The position of the part that it stands in, or its text; null where that is the message itself. That part may "
        "be no attachment itself, as a `smime.p7m` that is the whole letter"
    )})  # fmt: skip
    file_name = fields.String(required=True)
    content_type = fields.String(required=True)
    size_octets = fields.Integer(required=True)
    sha256 = fields.String(required=True)


class MediaLetter(Schema):
    """A letter that a file came with."""

    id = fields.Integer(required=True)
    subject = fields.String(required=True)
    from_ = fields.String(data_key="from", attribute="from", required=True)
    file_name = fields.String(required=True, metadata={"description": "What the file is called there"})
    arrived_at = fields.String(required=True, metadata={"format": "date-time"})


class MediaFile(Schema):
    """One file, however often it came."""

    id = fields.Integer(required=True)
    file_name = fields.String(required=True)
    content_type = fields.String(required=True)
    size_octets = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    letters = fields.List(fields.Nested(MediaLetter), required=True, metadata={"description": (
        f"At most {attachments.MAX_LETTERS}, those that were archived last"
    )})  # fmt: skip


class Total(Schema):
    """How many."""

    total = fields.Integer(required=True)


class Month(Schema):
    """How many letters arrived in a month."""

    month = fields.String(required=True, metadata={"description": "As 2026-11, on the clock of `tz`"})
    total = fields.Integer(required=True)


class Mark(Strict):
    """A read mark."""

    read = Flag(required=True)


class Marked(Schema):
    """Whether it was otherwise before."""

    changed = fields.Boolean(required=True)


class ExportOrder(Ordered):
    """What is to be exported."""

    format = fields.String(required=True, validate=validate.OneOf(list(export_list.FORMS)))
    view = fields.String(load_default="letters")
    columns = fields.List(fields.String(), load_default=list)
    language = fields.String(load_default="en", validate=validate.OneOf(["de", "en"]))
    account = Number(load_default=None, allow_none=True, validate=_ID)
    mailbox = Number(load_default=None, allow_none=True, validate=_ID)
    semicolon = Flag(load_default=False)
    byte_order_mark = Flag(load_default=False)


class JobsQuery(Strict):
    """Newest first."""

    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=MAX_LIMIT))
    since_id = fields.Integer(load_default=None, validate=_ID)
    before_id = fields.Integer(load_default=None, validate=_ID)


class Job(Schema):
    """An export that is made in the background."""

    id = fields.Integer(required=True)
    title = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(
        ["waiting", "running", "done", "failed", "cancelled", "expired"]
    ))  # fmt: skip
    done = fields.Integer(required=True)
    steps = fields.Integer(required=True)
    reason = fields.String(required=True)
    file_name = fields.String(required=True)
    content_type = fields.String(required=True)
    size_octets = fields.Integer(required=True)
    made_at = fields.String(required=True, metadata={"format": "date-time"})
    ended_at = fields.String(allow_none=True, metadata={"format": "date-time"})
    expires_at = fields.String(allow_none=True, metadata={"format": "date-time"})


class ListColumn(Schema):
    """A column of a list."""

    name = fields.String(required=True)
    kind = fields.String(required=True)
    title = fields.String(required=True)
    sortable = fields.Boolean(required=True)
    filterable = fields.Boolean(required=True)


class ListView(Schema):
    """A list that can be asked for and exported."""

    name = fields.String(required=True)
    columns = fields.List(fields.Nested(ListColumn), required=True)


class Problem(Schema):
    """An error (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    errors: Any = fields.Dict()
