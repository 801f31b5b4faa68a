"""One letter: as people read it, its header lines, its source, and what is on record about it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive import extract_text, legible, letterfacts, letters, listview
from postbuch.archive.errors import UsageError
from postbuch.archive.letters import Cursor
from postbuch.archive.listview import VIEWS
from postbuch.webmail import appointment, folders, letterfiles, listing, outgoing, signatures
from postbuch.webmail.language import gettext
from postbuch.webmail.letterfiles import MAX_BUNDLED, image_of, octets_of, read
from postbuch.webmail.listing import Listing
from postbuch.webmail.people import Person, moment
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer

blueprint = Blueprint("letter", __name__)
LETTERS = VIEWS["letters"]
# 256 Ki octets: whoever wants to read more of a source downloads the message.
MAX_SOURCE_OCTETS = 262_144
# A header section of 64 KiB is what servers accept; a hostile one may be longer.
MAX_HEADER_OCTETS = 131_072
MAX_HEADER_FIELDS = 500
# People in one field; a mailing to 10,000 visible recipients exists.
MAX_PEOPLE = 200

@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What every page about one letter shows at its top."""

    id: int
    facts: dict[str, Any]
    image: dict[str, Any]
    wanted: Listing

    @property
    def subject(self) -> str:
        return str(self.facts["summary"]["subject"])

    def people(self, field: str) -> list[Person]:
        """Those of an address field, in their order."""
        return [
            Person(name=each["display_name"], address=each["address"])
            for each in self.facts["people"] if each["field"] == field
        ]

    @property
    def stand_in(self) -> list[Person]:
        """Who counts as the sender of a letter in which From says nothing; images of old have nobody in their place."""
        shown = self.facts["summary"]["from_display"]
        is_said = bool(self.people("from"))
        return [each for each in self.people("sender") if not is_said and (not shown or each.address in shown)]

    @property
    def blind(self) -> list[str]:
        """Recipients of the envelope that no header field names; the archive gives them only to who may know."""
        named = {each["address"] for each in self.facts["people"]}
        found = [one["address"] for each in self.facts["envelopes"] for one in each["recipients"]]
        return list(dict.fromkeys(address for address in found if address not in named))


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A letter that somebody looks at, with what the archive knows beside it."""

    head: Head
    was_unread: bool
    reasons: dict[bytes, tuple[str, bool]]
    links: list[tuple[str, str]]


@blueprint.route("/m/<int:letter_id>")
@login_required
def show(letter_id: int) -> str:
    """The letter. Looking at it marks it as read."""
    who, wanted = viewer(), listing.parse(request.args)
    with services().transaction() as conn:
        found = look_at(conn, letter_id)
        older, newer = _neighbours(conn, found.head, wanted)
        side = folders.sidebar(conn, who, wanted)
    return render_template(
        "letter.html", listing=wanted, sidebar=side, older=older, newer=newer, **contents(found)
    )



@blueprint.route("/m/<int:letter_id>/headers")
@login_required
def headers(letter_id: int) -> str:
    """Every header line as it came."""
    with services().transaction() as conn:
        head = _head(conn, letter_id, "headers")
        side = folders.sidebar(conn, viewer(), head.wanted)
    fields = list(header_fields(octets_of(head.image["id"])))
    return render_template(
        "headers.html", head=head, listing=head.wanted, sidebar=side, fields=fields[:MAX_HEADER_FIELDS],
        cut=len(fields) > MAX_HEADER_FIELDS,
    )


@blueprint.route("/m/<int:letter_id>/source")
@login_required
def source(letter_id: int) -> str:
    """The octets as text, the first part of a long message."""
    with services().transaction() as conn:
        head = _head(conn, letter_id, "source")
        side = folders.sidebar(conn, viewer(), head.wanted)
    octets = octets_of(head.image["id"])
    return render_template(
        "source.html", head=head, listing=head.wanted, sidebar=side, text=_text(octets[:MAX_SOURCE_OCTETS]),
        shown_octets=min(len(octets), MAX_SOURCE_OCTETS), size_octets=len(octets),
    )


@blueprint.route("/m/<int:letter_id>/evidence")
@login_required
def evidence(letter_id: int) -> str:
    """The images of the letter, where and when each was seen, and what upstream answered."""
    with services().transaction() as conn:
        head = _head(conn, letter_id, "evidence")
        side = folders.sidebar(conn, viewer(), head.wanted)
    kinds = {image["id"]: _kind(head, image) for image in head.facts["images"]}
    return render_template(
        "evidence.html", head=head, listing=head.wanted, sidebar=side, kinds=kinds,
        looks=signatures.looks(head.facts), verdicts=signatures.VERDICTS, aligned=signatures.ALIGNED,
    )


@blueprint.route("/m/by-message-id/<path:message_id>")
@login_required
def by_message_id(message_id: str) -> BaseResponse:
    """The permalink that other programs can make: they know the Message-ID."""
    bare = message_id.strip().strip("<>")
    with services().transaction() as conn:
        on_record(conn, "find", f"message-id {bare}")
    # A transaction of its own: that somebody asked stays on record also when nothing is found.
    with services().transaction() as conn:
        found = letters.find_letter(conn, f"<{bare}>" if "@" in bare else bare, viewer().accounts)
    return redirect(url_for("letter.show", letter_id=found))


def header_fields(octets: bytes) -> Iterator[tuple[str, str]]:
    """Name and value of each header field in order, unfolded by nothing: lines as they came."""
    octets = legible.message(octets)
    end = min(
        (place for place in (octets.find(b"\r\n\r\n"), octets.find(b"\n\n")) if place >= 0), default=len(octets)
    )
    name, value = "", ""
    for line in _text(octets[: min(end, MAX_HEADER_OCTETS)]).replace("\r\n", "\n").split("\n"):
        if line[:1] in (" ", "\t") and name:
            value += f"\n{line}"
            continue
        if name or value:
            yield name, value
        name, colon, rest = line.partition(":")
        value = rest.lstrip(" ") if colon else ""
    if name or value:
        yield name, value


def _kind(head: Head, image: dict[str, Any]) -> str:
    """What people call this form of the letter, by where it was seen."""
    seen = [each for each in head.facts["sightings"] if each["image_id"] == image["id"]]
    if "submission" in image["sources"]:
        return gettext("As submitted")
    if any(each["mailbox"] and folders.kind_of(each["mailbox"]) == "sent" for each in seen):
        return gettext("Sent copy")
    if image["sources"] == ["import"]:
        return gettext("Imported")
    if image["sources"] == ["append"]:
        return gettext("Copy filed by the mail program")
    return gettext("As it arrived")


def _head(conn: Connection, letter_id: int, action: str) -> Head:
    who = viewer()
    facts = letterfacts.read(conn, letter_id, who.accounts)
    asked = request.args.get("image", "")
    image = image_of(facts, int(asked) if asked.isdecimal() and len(asked) < 19 else None)
    on_record(conn, action, f"letter {letter_id}", {"image": image["sha256"]})
    return Head(id=letter_id, facts=facts, image=image, wanted=listing.parse(request.args))


def look_at(conn: Connection, letter_id: int) -> Opened:
    """Put on record that it is looked at, and mark it as read. Raises NotFound."""
    who, head = viewer(), _head(conn, letter_id, "view")
    changed = folders.mark_read(conn, [letter_id], who.user_id, True, who.accounts) if who.may_mark else []
    reasons = extract_text.reasons_of(conn, [
        bytes.fromhex(part["sha256"]) for part in head.facts["parts"]
        if part["image_id"] == head.image["id"] and part["is_attachment"]
    ])  # fmt: skip
    return Opened(
        head=head, was_unread=bool(changed), reasons=reasons, links=outgoing.links_of(conn, head.facts)
    )


def contents(found: Opened) -> dict[str, Any]:
    """What the templates show. After the transaction: no connection waits for a child that reads a hostile message."""
    head, image_id = found.head, found.head.image["id"]
    reading = read(head.id, image_id)
    source = octets_of(image_id) if reading.unreadable else b""
    attachments = letterfiles.attachments(head.facts, image_id, reading, found.reasons)
    bundle = None
    if 1 < len(attachments) <= MAX_BUNDLED:
        bundle = url_for("files.bundle", letter_id=head.id, image_id=image_id)
    return {
        "head": head, "reading": reading, "attachments": attachments, "bundle": bundle,
        "source": _text(source[:MAX_SOURCE_OCTETS]), "date": _date(head), "most": MAX_PEOPLE, "links": found.links,
        "signature": signatures.line(head.facts, head.image), "appointment": appointment.shown(reading.invitation),
    }


def _date(head: Head) -> Any:
    written = head.facts["summary"]["date_header"]
    return moment(written or head.facts["sort_at"])


@blueprint.route("/m/<int:letter_id>/neighbours")
@login_required
def found_neighbours(letter_id: int) -> str:
    """The letters before and after it in the search that it was opened from; asked for when the letter stands."""
    who, wanted = viewer(), listing.parse(request.args)
    with services().transaction() as conn:
        on_record(conn, "search", f"{wanted.name} beside letter {letter_id}", wanted.scope)
        try:
            found = listview.beside(conn, LETTERS, wanted.filter, who.accounts, who.user_id, letter_id)
        except UsageError:
            found = (None, None)
    newer, older = (number and url_for("letter.show", letter_id=number, **wanted.scope) for number in found)
    return render_template("neighbours.html", older=older, newer=newer)


def _neighbours(conn: Connection, head: Head, wanted: Listing) -> tuple[str | None, str | None]:
    """The letters before and after it in the list that it was opened from. For a search the page asks afterwards."""
    if wanted.found or wanted.filter.order:
        return None, None
    who = viewer()
    here = Cursor(sort_at=moment(head.facts["sort_at"]).replace(tzinfo=None), letter_id=head.id)
    found: list[str | None] = []
    for before, after in ((here, None), (None, here)):
        rows = listview.page(
            conn, LETTERS, replace(wanted.filter, offset=0), who.accounts, who.user_id, limit=1, count_all=False,
            names=("id",), before=before, after=after,
        ).rows
        found.append(url_for("letter.show", letter_id=rows[0]["id"], **wanted.scope) if rows else None)
    return found[0], found[1]


def _text(octets: bytes) -> str:
    """For the eye: UTF-8 where it is, else one character an octet. NUL would end the page in some browsers."""
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    return text.replace("\0", "\N{SYMBOL FOR NULL}")
