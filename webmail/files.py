"""What a letter's own addresses serve: the body for its frame, pictures, attachments, the message itself.

Every one of them is hostile: each answer carries a policy under which nothing of it can act (`policy.py`).
"""

import re
import tempfile
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, render_template, request
from markupsafe import Markup
from werkzeug.wsgi import wrap_file

from postbuch.archive import letterfacts, pictures
from postbuch.archive.charsets import decode_octets
from postbuch.archive.display import Leaf
from postbuch.archive.errors import NotFound
from postbuch.archive.topics import bare_subject
from postbuch.archive.wrong import Wrong
from postbuch.webmail import (
    darkletter,
    filenames,
    handout,
    letterfiles,
    plaintext,
    policy,
    quotes,
    quotewords,
    settings,
    shown,
)
from postbuch.webmail.language import gettext
from postbuch.webmail.letterfiles import (
    MAX_BUNDLED,
    MAX_TILE_OCTETS,
    PREVIEWS,
    files_of,
    image_of,
    octets_of,
    part_of,
    read,
)
from postbuch.webmail.people import moment
from postbuch.webmail.policy import Kind
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer

blueprint = Blueprint("files", __name__)
# How each previewed type begins; what does not begin like this is not shown as it.
_MAGIC = pictures.BEGINNINGS | {"application/pdf": re.compile(rb"[\s\x00]{0,64}%PDF-")}
# No earlier time can be written into a ZIP.
ZIP_BEGINS = datetime(1980, 1, 1, tzinfo=UTC)
# A text preview is read whole by the browser: 1 MiB is some 300 pages.
MAX_TEXT_OCTETS = 1_048_576


@blueprint.route("/m/<int:letter_id>/body/<int:image_id>")
@login_required
def body(letter_id: int, image_id: int) -> str:
    """The message for the frame: clean HTML, in the colours that the reader chose, or its text.

    With `quotes=folded` what it quotes at its end is folded, where the letter is an answer.
    """
    policy.mark(Kind.BODY)
    facts = _facts(letter_id, image_id, "body")
    reading = read(letter_id, image_id)
    html = None if request.args.get("as") == "text" else reading.html
    text = plaintext.to_html(reading.text or "") if html is None else None
    is_dark = settings.dark_letters()
    if html is not None and is_dark:
        html = darkletter.darkened(html)
    if request.args.get("quotes") == "folded" and _answers(facts["summary"]):
        control = gettext("Quoted text")
        if html is not None:
            html = replace(html, html=quotes.folded(html.html, control))
        elif text is not None:
            text = Markup(quotes.folded(str(text), control, plain=True))  # noqa: S704 - as safe as what it is made of
    return render_template("body.html", html=html, text=text, is_dark=is_dark)


@blueprint.route("/m/<int:letter_id>/inline/<int:image_id>/<int:position>")
@login_required
def inline(letter_id: int, image_id: int, position: int) -> Response:
    """A picture of the message, for its body."""
    policy.mark(Kind.FILE)
    leaf = _leaf(letter_id, image_id, position, "inline")
    content_type = pictures.content_type(leaf.payload)
    if content_type is None:
        raise NotFound(Wrong.NO_PICTURE.said())
    return _inline(leaf.payload, content_type)


@blueprint.route("/m/<int:letter_id>/attachment/<int:image_id>/<int:position>")
@login_required
def download(letter_id: int, image_id: int, position: int) -> Response:
    """An attachment as a file, whatever it is."""
    with services().transaction() as conn:
        facts = letterfacts.read(conn, letter_id, viewer().accounts)
    image, part = image_of(facts, image_id), part_of(facts, image_id, position)

    def record(given: dict[str, str]) -> None:
        after = {"image": image["sha256"], "part": position, **given}
        with services().transaction() as conn:
            on_record(conn, "download", f"letter {letter_id}", after)

    return letterfiles.given(part, image_id, record)


@blueprint.route("/m/<int:letter_id>/preview/<int:image_id>/<int:position>")
@login_required
def preview(letter_id: int, image_id: int, position: int) -> Response:
    """A picture, a PDF or a text in the browser; anything else only as a file."""
    policy.mark(Kind.FILE)
    leaf = _leaf(letter_id, image_id, position, "preview")
    name = filenames.display_name(leaf.file_name, leaf.content_type, position)
    if leaf.content_type in ("text/plain", "text/csv"):
        return _inline(_as_utf8(leaf), "text/plain; charset=utf-8", name)
    magic = _MAGIC.get(leaf.content_type) if leaf.content_type in PREVIEWS else None
    if magic is None or not magic.match(leaf.payload):
        return _file(leaf.payload, name)
    if leaf.content_type == "application/pdf":
        policy.mark(Kind.PDF)
    return _inline(leaf.payload, leaf.content_type, name)


@blueprint.route("/m/<int:letter_id>/tile/<int:image_id>/<int:position>")
@login_required
def tile(letter_id: int, image_id: int, position: int) -> Response:
    """A picture for its tile among the attachments; nothing when it is none after all."""
    policy.mark(Kind.FILE)
    leaf = _leaf(letter_id, image_id, position, "preview")
    content_type = pictures.content_type(leaf.payload) if len(leaf.payload) <= MAX_TILE_OCTETS else None
    return Response(status=204) if content_type is None else _inline(leaf.payload, content_type)


@blueprint.route("/m/<int:letter_id>/files/<int:image_id>.zip")
@login_required
def bundle(letter_id: int, image_id: int) -> Response:
    """All files of a letter in one. Stored, not packed: most are packed already, and nobody waits for the rest."""
    policy.mark(Kind.FILE)
    facts = _facts(letter_id, image_id, "download-all")
    parts, octets = files_of(facts, image_id, read(letter_id, image_id)), octets_of(image_id)
    if not parts or len(parts) > MAX_BUNDLED:
        raise NotFound(Wrong.NO_FILES.said())
    names = filenames.distinct(
        filenames.display_name(part["file_name"], part["content_type"], part["position"]) for part in parts
    )
    written = moment(facts["sort_at"])
    stream = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it when it has been sent
    with zipfile.ZipFile(stream, "w") as archive:
        for name, part in zip(names, parts, strict=True):
            entry = zipfile.ZipInfo(name, max(written, ZIP_BEGINS).timetuple()[:6])
            archive.writestr(entry, services().reader.leaf(octets, part["position"]).payload)
    size = stream.tell()
    stream.seek(0)
    subject = filenames.display_name(shown.subject(facts["summary"]["subject"]), "application/zip", letter_id)
    answer = Response(wrap_file(request.environ, stream), content_type="application/zip", direct_passthrough=True)
    answer.headers["Content-Disposition"] = filenames.disposition("attachment", f"{subject[:80]}.zip")
    answer.content_length = size
    return answer


@blueprint.route("/m/<int:letter_id>/message/<int:image_id>.eml")
@login_required
def message(letter_id: int, image_id: int) -> Response:
    """The message octet for octet."""
    with services().transaction() as conn:
        facts = letterfacts.read(conn, letter_id, viewer().accounts)
    image = image_of(facts, image_id)

    def record(given: dict[str, str]) -> None:
        with services().transaction() as conn:
            on_record(conn, "download-message", f"letter {letter_id}", {"image": image["sha256"], **given})

    name = filenames.display_name(shown.subject(facts["summary"]["subject"]), "message/rfc822", letter_id)[:80]
    answer = handout.prepared(image["sha256"], image["size_octets"], f"{name}.eml", content_type="message/rfc822")
    return handout.given(answer, lambda: octets_of(image_id), record)


def _answers(summary: dict[str, Any]) -> bool:
    """Whether the letter answers another. What looks like a quote in any other letter is what it says."""
    subject = summary["subject"]
    is_named = bool(summary["in_reply_to"]) or summary["thread_root"] not in ("", summary["message_id"])
    return (is_named or bare_subject(subject)[1]) and not quotewords.passes_on(subject)


def _facts(letter_id: int, image_id: int, action: str, place: int | None = None) -> dict[str, Any]:
    """What is known of the letter, after it is put on record that somebody takes something out of it."""
    with services().transaction() as conn:
        facts = letterfacts.read(conn, letter_id, viewer().accounts)
        image = image_of(facts, image_id)
        after = {"image": image["sha256"], **({} if place is None else {"part": place})}
        on_record(conn, action, f"letter {letter_id}", after)
    return facts


def _leaf(letter_id: int, image_id: int, position: int, action: str) -> Leaf:
    _facts(letter_id, image_id, action, position)
    return services().reader.leaf(octets_of(image_id), position)


def _as_utf8(leaf: Leaf) -> bytes:
    return decode_octets(leaf.payload[:MAX_TEXT_OCTETS], leaf.charset).encode("utf-8", "replace")


def _inline(octets: bytes, content_type: str, name: str = "") -> Response:
    answer = Response(octets, content_type=content_type)
    if name:
        answer.headers["Content-Disposition"] = filenames.disposition("inline", name)
    return answer


def _file(octets: bytes, name: str) -> Response:
    answer = Response(octets, content_type="application/octet-stream")
    answer.headers["Content-Disposition"] = filenames.disposition("attachment", name)
    return answer
