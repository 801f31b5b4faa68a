"""Letters for programs: lists and searches, one letter, its octets and attachments, its read mark; the other lists."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Response

from postbuch.archive import (
    clock,
    filtergrammar,
    letterfacts,
    letters,
    listletters,
    listmonths,
    listresolve,
    listview,
    topics,
)
from postbuch.archive.apikeys import CONTENT, LETTERS, MARKS
from postbuch.archive.filterform import Condition, Filter, Order
from postbuch.archive.listcolumn import Scope
from postbuch.archive.listview import VIEWS, View
from postbuch.archive.users import AUDITOR
from postbuch.webmail import apischemas, folders, handout, letterfiles
from postbuch.webmail.apiaccess import asker, problem, with_key
from postbuch.webmail.apiroutes import Routes
from postbuch.webmail.letterfiles import image_of, octets_of
from postbuch.webmail.services import services

blueprint = Routes("api_letters", __name__, description="Letters and lists")
_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
FILE = {
    "responses": {
        "200": {"content": _BINARY, "description": "The octets; their SHA-256 is the ETag"},
        "206": {"content": _BINARY, "description": "The range that was asked for, as Content-Range says"},
        "304": {"description": "The ETag that was shown still holds, as it always will; no octets"},
        "412": {"$ref": "#/components/responses/DEFAULT_ERROR"},
        "416": {"$ref": "#/components/responses/DEFAULT_ERROR"},
    },
    "parameters": [
        {"in": "header", "name": name, "schema": {"type": "string"}, "description": text} for name, text in (
            ("If-None-Match", "The ETag of what is there already: 304 when it is the same"),
            ("Range", "One range, as in `bytes=1000-1999`, `bytes=1000-` or `bytes=-500`; GET alone"),
            ("If-Range", "The ETag of what is there already: all octets when it is not the same"),
        )
    ],
}  # fmt: skip
# The place in the list of letters: the argument, and how the number of a letter compares with it.
_ENDS = {"since_id": "morethan", "before_id": "lessthan"}
_ROWS = {"type": "array", "items": {"type": "object", "additionalProperties": True}}


@blueprint.route("/letters", operation="listLetters")
@with_key(LETTERS)
@blueprint.arguments(apischemas.LettersQuery, location="query")
@blueprint.response(200, apischemas.Letter(many=True))
def listed(wanted: dict[str, Any]) -> Any:
    """Letters that a search or conditions find, newest first by number."""
    return since_or_before(filter_of(VIEWS["letters"], wanted), wanted)


@blueprint.route("/letters/count", operation="countLetters")
@with_key(LETTERS)
@blueprint.arguments(apischemas.Narrowed, location="query")
@blueprint.response(200, apischemas.Total)
def counted(wanted: dict[str, Any]) -> Any:
    """How many letters there are, exactly."""
    return total(filter_of(VIEWS["letters"], wanted))


@blueprint.route("/letters/count/months", operation="countLettersByMonth")
@with_key(LETTERS)
@blueprint.arguments(apischemas.Narrowed, location="query")
@blueprint.response(200, apischemas.Month(many=True))
def by_month(wanted: dict[str, Any]) -> Any:
    """How many letters arrived in each month, exactly, the newest first; months without any are left out."""
    found = filter_of(VIEWS["letters"], wanted)
    with services().transaction() as conn:
        asker().on_record(conn, "search", "count of letters by month", filtergrammar.write(found))
    with services().transaction() as conn:
        counted = listmonths.counts(conn, found, asker().accounts, asker().user_id)
    return [{"month": month, "total": number} for month, number in counted.items()]


@blueprint.route("/letters/<int:letter_id>", operation="getLetter")
@with_key(LETTERS)
@blueprint.doc(responses={"200": {
    "description": "Everything that is known of the letter",
    "content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}},
}})  # fmt: skip
def one(letter_id: int) -> Any:
    """One letter: images, parts, people, sightings, envelopes, verdicts, history."""
    return facts_of(letter_id)


@blueprint.route("/letters/<int:letter_id>/attachments", operation="listAttachments")
@with_key(LETTERS)
@blueprint.response(200, apischemas.Attachment(many=True))
def attachments(letter_id: int) -> Any:
    """The attachments of a letter, those within other parts and in texts as well, and where each stands."""
    found = facts_of(letter_id)
    listed = [each for image in found["images"] for each in letterfiles.listed(found, image["id"])]
    return [{**each, "image": each["image_id"]} for each in listed]


@blueprint.route("/letters/<int:letter_id>/attachments/<int:image_id>/<int:position>", operation="getAttachment")
@with_key(CONTENT)
@blueprint.doc(**FILE)
def attachment(letter_id: int, image_id: int, position: int) -> Any:
    """The octets of one attachment; what stands within another part or in a text is taken out of it."""
    return part_of(letter_id, image_id, position)


@blueprint.route("/letters/<int:letter_id>/topic", operation="getTopic")
@with_key(LETTERS)
@blueprint.arguments(apischemas.PlaceQuery, location="query")
@blueprint.response(200, apischemas.Letter(many=True))
def topic(wanted: dict[str, Any], letter_id: int) -> Any:
    """The letters of its topic that may be read, newest first, itself among them."""
    scope = Scope(rights=asker().accounts, user_id=asker().user_id)
    with services().transaction() as conn:
        letters.find_letter(conn, str(letter_id), asker().accounts)
        place = {name: wanted[name] for name in ("limit", "offset")}
        asker().on_record(conn, "view", f"topic of letter {letter_id}", place)
    with services().transaction() as conn:
        members = topics.members(conn, [letter_id], scope)[letter_id]
        numbers = [number for number, _ in members.newest[wanted["offset"] :][: wanted["limit"]]]
        return plainly(listletters.rows(conn, numbers, scope, listview.shown_columns(VIEWS["letters"])))


@blueprint.route("/letters/<int:letter_id>/message", operation="getMessage")
@with_key(CONTENT)
@blueprint.doc(**FILE)
def message(letter_id: int) -> Any:
    """The octets of the message, unaltered."""
    with services().transaction() as conn:
        image = letters.find_image(conn, str(letter_id), asker().accounts)

    def record(given: dict[str, str]) -> None:
        with services().transaction() as conn:
            asker().on_record(conn, "download-message", f"letter {letter_id}", {"sha256": image.sha256, **given})

    answer = handout.prepared(image.sha256, image.size_octets, f"{letter_id}.eml")
    return handout.given(answer, lambda: octets_of(image.id), record)


@blueprint.route("/letters/<int:letter_id>/mark", methods=["PUT"], operation="markLetter")
@with_key(MARKS)
@blueprint.arguments(apischemas.Mark)
@blueprint.response(200, apischemas.Marked)
def mark(wanted: dict[str, Any], letter_id: int) -> Any:
    """Mark a letter read or unread, for the user of the key."""
    if asker().role == AUDITOR:
        return problem(403, "an auditor changes nothing, not even what counts as read")
    with services().transaction() as conn:
        letters.find_letter(conn, str(letter_id), asker().accounts)
        changed = folders.mark_read(conn, [letter_id], asker().user_id, wanted["read"], asker().accounts)
        asker().on_record(
            conn, "mark-read" if wanted["read"] else "mark-unread", f"letters {letter_id}", {"changed": bool(changed)}
        )
    return {"changed": bool(changed)}


@blueprint.route("/views", operation="listViews")
@with_key(LETTERS)
@blueprint.response(200, apischemas.ListView(many=True))
def views() -> Any:
    """The lists with their columns."""
    with services().transaction() as conn:
        asker().on_record(conn, "list", "views")
    return [
        {"name": name, "columns": [
            {"name": each.name, "kind": each.kind, "title": each.title, "sortable": each.sortable,
             "filterable": each.filterable}
            for each in view.columns if each.shown
        ]}
        for name, view in VIEWS.items()
    ]  # fmt: skip


@blueprint.route("/<any(topics, media, senders):name>", operation="listRows")
@with_key(LETTERS)
@blueprint.arguments(apischemas.RowsQuery, location="query")
@blueprint.doc(responses={"200": {"description": "Rows of the list, with the columns that /views names",
                                  "content": {"application/json": {"schema": _ROWS}}}})  # fmt: skip
def rows(wanted: dict[str, Any], name: str) -> Any:
    """A list other than that of letters."""
    view = VIEWS[name]
    found = filter_of(view, wanted)
    on_record(view, found, {"offset": wanted["offset"]})
    return rows_of(view, found, wanted["limit"], wanted["offset"])


def since_or_before(found: Filter, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Letters newest first by number; `wanted` says which part of them. On record before."""
    view = VIEWS["letters"]
    ends = {name: wanted[name] for name in ("since_id", "before_id") if wanted[name] is not None}
    within = [Condition(field="id", op=_ENDS[name], value=str(number)) for name, number in ends.items()]
    cut = replace(found, within=(*found.within, *within), order=(Order(field="id", descending=True),))
    on_record(view, found, ends)
    return rows_of(view, cut, wanted["limit"], 0)


def total(found: Filter) -> dict[str, int]:
    """The number of letters, on record as that and not as their list."""
    with services().transaction() as conn:
        asker().on_record(conn, "search", "count of letters", filtergrammar.write(found))
    with services().transaction() as conn:
        return {"total": listview.count(conn, VIEWS["letters"], found, asker().accounts, asker().user_id)}


def use_clock(wanted: dict[str, Any]) -> None:
    """Days of this request are those of the zone that it names."""
    if wanted["tz"]:
        clock.use(clock.named(wanted["tz"]))


def filter_of(view: View, wanted: dict[str, Any]) -> Filter:
    """The filter of the arguments, on their clock. Raises UsageError."""
    use_clock(wanted)
    return listresolve.understood(view, filtergrammar.arguments_of(wanted))


def on_record(view: View, wanted: Filter, place: dict[str, int]) -> None:
    """What of a list is about to be given. The place in it makes no search of a list that nothing narrows."""
    with services().transaction() as conn:
        action = "list" if wanted.is_plain else "search"
        asker().on_record(conn, action, view.name, {**filtergrammar.write(wanted), **place})


def rows_of(view: View, wanted: Filter, limit: int, offset: int) -> list[dict[str, Any]]:
    """Rows with all columns; on record before."""
    with services().transaction() as conn:
        page = listview.page(
            conn, view, wanted, asker().accounts, asker().user_id, limit=limit, offset=offset,
            names=listview.shown_columns(view), most=0, count_all=False,
        )  # fmt: skip
    return plainly(page.rows)


def plainly(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as JSON has them."""
    return [{name: plain(value) for name, value in row.items()} for row in rows]


def facts_of(letter_id: int) -> dict[str, Any]:
    """What is known of the letter, on record first. Raises NotFound."""
    with services().transaction() as conn:
        letters.find_letter(conn, str(letter_id), asker().accounts)
        asker().on_record(conn, "view", f"letter {letter_id}")
    with services().transaction() as conn:
        return letterfacts.read(conn, letter_id, asker().accounts)


def part_of(letter_id: int, image_id: int, position: int) -> Response:
    """The octets of one part, on record first. Raises NotFound."""
    with services().transaction() as conn:
        found = letterfacts.read(conn, letter_id, asker().accounts)
    image, part = image_of(found, image_id), letterfiles.part_of(found, image_id, position)

    def record(given: dict[str, str]) -> None:
        after = {"image": image["sha256"], "part": position, **given}
        with services().transaction() as conn:
            asker().on_record(conn, "download", f"letter {letter_id}", after)

    return letterfiles.given(part, image_id, record)


def plain(value: Any) -> Any:
    """Times as ISO 8601 in UTC; what JSON has stays."""
    return f"{value.isoformat()}Z" if isinstance(value, datetime) else value
