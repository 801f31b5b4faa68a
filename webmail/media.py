"""The attachments of all letters: as tiles and as a table, each file once, one file with its letters, a ZIP of some."""

import logging
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive import attachments, audit, extract_reasons, extract_text, listview
from postbuch.archive.attachments import Place
from postbuch.archive.errors import NotFound
from postbuch.archive.filefamily import FAMILIES
from postbuch.archive.objects import ObjectDamaged, ObjectStore
from postbuch.archive.parser import Unreadable
from postbuch.archive.skeleton import SkeletonDamaged
from postbuch.archive.zipstream import ZipStream
from postbuch.webmail import filenames, folders, listwords, policy, summarylist
from postbuch.webmail.language import gettext
from postbuch.webmail.letterfiles import PREVIEWS, octets_of
from postbuch.webmail.listing import Listing
from postbuch.webmail.login import local_path
from postbuch.webmail.policy import Kind
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer
from postbuch.webmail.summarylist import Asked, Input

log = logging.getLogger("postbuch.webmail")
blueprint = Blueprint("media", __name__)
VIEW = listview.VIEWS["media"]
# What can be chosen of "Larger than".
SIZES = {"100k": "100 kB", "1m": "1 MB", "5m": "5 MB", "20m": "20 MB"}
# The form of the page: which field is compared how.
FORM = (
    Input(field="family", op="equals", takes="|".join(FAMILIES)), Input(field="sender", op="contains"),
    Input(field="size", op="morethan", takes="|".join(SIZES)),
)  # fmt: skip
NAMES = ("name", "family", "size", "letters", "sender", "last", "content_type")
# What one page can choose.
MAX_CHOSEN = 200
# 64 MiB in one ZIP. An answer is in memory as a whole: on all of the 16 threads that answer these are 1 GiB.
MAX_ZIP_OCTETS = 67_108_864
# What a file is that cannot be given: gone or damaged on the disk, or in a message that cannot be taken apart.
LOST = (NotFound, ObjectDamaged, SkeletonDamaged, Unreadable)
# What the page of a file shows of its words.
TEXT_CHARACTERS = 3_000
# One pixel, clear (GIF89a).
_CLEAR = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
# Kinds that may have a drawing; of others none is asked for.
DRAWN = ("image", "pdf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One file of the list."""

    id: int
    name: str
    family: str
    size_octets: int
    letters: int
    sender: str
    last: Any
    href: str
    drawing: str | None


@blueprint.route("/media")
@login_required
def index() -> str | BaseResponse:
    """The list, newest first unless it is asked otherwise."""
    asked, look = _asked()
    address = summarylist.written(asked, FORM)
    if address is not None:
        return redirect(address)
    who, start = viewer(), asked.filter.offset
    with services().transaction() as conn:
        page = listview.page(
            conn, VIEW, asked.filter, who.accounts, who.user_id, limit=asked.size, names=NAMES, most=summarylist.MOST,
        )
        numbers = [row["id"] for row in page.rows]
        on_record(conn, "media", "attachments", {**_query(asked), "files": numbers, "found": page.total})
        side = folders.sidebar(conn, who, Listing())
    newer, older = asked.pages(page.total, len(page.rows))
    titles = {each.name: listwords.title(VIEW, each.name) for each in VIEW.columns}
    return render_template(
        "media.html", listing=Listing(), sidebar=side, asked=asked, look=look, tiles=[_tile(row) for row in page.rows],
        total=page.total, most=summarylist.MOST, start=start, newer=newer, older=older, titles=titles,
        headings=asked.headings(NAMES[:6]), chips=asked.chips(),
        families=family_names(), larger=SIZES, sizes=summarylist.PAGE_SIZES, looks={
            name: url_for("media.index", **{**asked.scope, "look": name or None}) for name in ("", "table")
        },
    )  # fmt: skip


@blueprint.route("/media/<int:attachment_id>")
@login_required
def show(attachment_id: int) -> str:
    """One file: what it is, its words, and every letter that has it."""
    who = viewer()
    with services().transaction() as conn:
        place = attachments.place_of(conn, attachment_id, who.accounts)
        on_record(conn, "media-view", f"attachment {attachment_id}", {"sha256": place.sha256.hex()})
        found = attachments.letters_of(conn, attachment_id, who.accounts)
        text = extract_text.text_of(conn, place.sha256)
        side = folders.sidebar(conn, who, Listing())
    name = _name(place)
    words = text.text if text else ""
    where: dict[str, Any] = {"letter_id": place.letter_id, "image_id": place.image_id, "position": place.position}
    family = filenames.family(place.content_type, place.file_name)
    return render_template(
        "media_file.html", listing=Listing(), sidebar=side, place=place, name=name, family=family,
        family_name=family_names()[family], letters=found, most=attachments.MAX_LETTERS, words=words[:TEXT_CHARACTERS],
        cut=len(words) > TEXT_CHARACTERS, waiting=text is None, partly=bool(words),
        reason=extract_reasons.told(text.reason) if text else "", href=url_for("files.download", **where),
        preview=url_for("files.preview", **where) if place.content_type in PREVIEWS else None,
        drawing=url_for("media.drawing", attachment_id=attachment_id) if family in DRAWN else None,
    )  # fmt: skip


@blueprint.route("/media/<int:attachment_id>/drawing")
@login_required
def drawing(attachment_id: int) -> Response:
    """A small picture of the file; a clear one, through which the sign of its kind is seen, when it cannot be drawn."""
    policy.mark(Kind.FILE)
    with services().transaction() as conn:
        place = attachments.place_of(conn, attachment_id, viewer().accounts)
        on_record(conn, "preview", f"attachment {attachment_id}", {"sha256": place.sha256.hex()})
    try:
        drawn = services().drawings.of(place.sha256, lambda: octets(place))
    except LOST as error:
        _log(place, error)
        drawn = b""
    return Response(drawn, content_type="image/jpeg") if drawn else Response(_CLEAR, content_type="image/gif")


@blueprint.route("/media.zip", methods=["POST"])
@login_required
def bundle() -> Response | BaseResponse:
    """The chosen files in one ZIP. Those outside the rights are left out as if they did not exist.

    It is whole before it is sent: of a file that cannot be read the page still can tell.
    """
    back = local_path(request.form.get("next")) or url_for("media.index")
    numbers = [int(text) for text in request.form.getlist("file")[:MAX_CHOSEN] if text.isdecimal() and len(text) < 19]
    with services().transaction() as conn:
        places = attachments.places_of(conn, numbers, viewer().accounts)
        size = sum(place.size_octets for place in places)
        facts = {"files": [place.attachment_id for place in places], "size_octets": size, "format": "zip"}
        fits = size <= MAX_ZIP_OCTETS
        on_record(conn, "export" if fits else "export-refused", "attachments", facts)
    if not places or not fits:
        flash(
            gettext("Choose some files first.") if not places else
            gettext("These files have %(size)s MB and %(limit)s MB can be put into one ZIP; choose fewer.",
                    size=size // 1_000_000, limit=MAX_ZIP_OCTETS // 1_000_000)
        )  # fmt: skip
        return redirect(back)
    names = list(filenames.distinct(_name(place) for place in places))
    pieces: list[bytes] = []
    with ZipStream() as stream:
        for place, name in zip(places, names, strict=True):
            try:
                content = octets(place)
            except LOST as error:
                _log(place, error)
                flash(gettext(
                    "%(name)s cannot be read. Choose the other files without it; whoever looks after Postbuch finds "
                    "what is damaged with `postbuch verify`.", name=name,
                ))  # fmt: skip
                return redirect(back)
            pieces += stream.message(name, content, place.sort_at.replace(tzinfo=UTC))
        pieces += stream.end()
    policy.mark(Kind.FILE)
    answer = Response(pieces, content_type="application/zip")
    answer.headers.set("Content-Disposition", "attachment", filename=f"postbuch-{audit.now():%Y-%m-%d-%H%M}.zip")
    return answer


def octets(place: Place) -> bytes:
    """The file itself. Raises one of LOST."""
    if not place.stored:
        return services().reader.leaf(octets_of(place.image_id), place.position).payload
    with ObjectStore(services().config.data).open(place.sha256) as stream:
        return stream.read()


def family_names() -> dict[str, str]:
    """What kinds of files are called."""
    names = {
        "pdf": "PDF", "image": gettext("Pictures"), "document": gettext("Documents"), "sheet": gettext("Spreadsheets"),
        "slides": gettext("Presentations"), "text": gettext("Texts"), "mail": gettext("Mails"),
        "calendar": gettext("Appointments"), "archive": gettext("Archives (ZIP)"), "audio": gettext("Sound"),
        "video": gettext("Videos"), "file": gettext("Other files"),
    }  # fmt: skip
    return {name: names[name] for name in FAMILIES}


def _asked() -> tuple[Asked, str]:
    look = "table" if request.args.get("look") == "table" else ""
    return summarylist.asked(VIEW, FORM, {"look": look}), look


def _query(asked: Asked) -> dict[str, Any]:
    return {"query": {name: str(value) for name, value in asked.scope.items()}} if asked.scope else {}


def _tile(row: dict[str, Any]) -> Tile:
    number = row["id"]
    return Tile(
        id=number, name=filenames.display_name(row["name"], row["content_type"], 0), family=row["family"],
        size_octets=row["size"], letters=row["letters"], sender=row["sender"], last=row["last"],
        href=url_for("media.show", attachment_id=number),
        drawing=url_for("media.drawing", attachment_id=number) if row["family"] in DRAWN else None,
    )


def _name(place: Place) -> str:
    return filenames.display_name(place.file_name, place.content_type, place.position)


def _log(place: Place, error: Exception) -> None:
    log.error("attachment-unread id=%d sha256=%s reason=%s", place.attachment_id, place.sha256.hex(), error)
