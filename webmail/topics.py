"""Letters by topic: the list of topics, and one topic with all its letters."""

from typing import Any

from flask import Blueprint, redirect, render_template, request
from sqlalchemy import Connection
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive import letters, listchoices, topics
from postbuch.archive.errors import NotFound
from postbuch.archive.listcolumn import Scope
from postbuch.archive.listletters import rows
from postbuch.archive.listview import VIEWS
from postbuch.archive.topics import bare_subject
from postbuch.archive.wrong import Wrong
from postbuch.webmail import folders, letter, listaddress, lists
from postbuch.webmail.language import gettext
from postbuch.webmail.people import COLUMNS, row, short_names
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import Viewer, login_required, viewer

blueprint = Blueprint("topics", __name__)
TOPICS = VIEWS["topics"]
# Letters on the page of one topic: 100 rows are 120 KB. The earlier ones on demand, and of a longer one the newest.
FIRST_LETTERS = 100
MAX_LETTERS = 500
MAX_PEOPLE = 4


@blueprint.route("/topics")
@login_required
def index() -> str | BaseResponse:
    """Each topic once, where its newest letter stands."""
    who = viewer()
    with services().transaction() as conn:
        choice = listchoices.find(conn, who.user_id, TOPICS.name)
        wanted = lists.wanted_of(TOPICS, choice=choice)
        added = listaddress.with_condition(TOPICS, wanted, request.args)
        if added is not None:
            return redirect(added)
        on_record(conn, "search" if wanted.found else "list", f"topics {wanted.name}", wanted.scope)
        side = folders.sidebar(conn, who, wanted)
        sheet = lists.sheet(conn, who, TOPICS, wanted, choice, side.place_of(wanted))
    for each in sheet.rows:
        each["subject"] = bare_subject(each["subject"])[0]
        each["people"] = [short_names(name) for name in each["people"]]
    title = gettext("By topic") if wanted.account is None and wanted.mailbox is None else side.current
    return render_template("topics.html", listing=wanted, sheet=sheet, sidebar=side, title=title, most=MAX_PEOPLE)


@blueprint.route("/m/<int:letter_id>/topic")
@login_required
def show(letter_id: int) -> str:
    """The letters of one topic, oldest first as they were written. Raises NotFound.

    The unread ones and the one of the address are open: each is fetched when it comes into view (`letter.opened`), and
    only then counts as read. This page marks none.
    """
    who = viewer()
    wanted = lists.wanted_of(TOPICS)
    with services().transaction() as conn:
        letters.find_letter(conn, str(letter_id), who.accounts)  # NotFound in the usual words
        on_record(conn, "view", f"topic of letter {letter_id}")
        side = folders.sidebar(conn, who, wanted)
        found, total = _letters(conn, who, letter_id)
    subject = bare_subject(found[-1]["subject"])[0]
    cards = [
        (row(each, wanted.at_first_page), bare_subject(each["subject"])[0] != subject) for each in reversed(found)
    ]
    people = list(dict.fromkeys(short_names(each["from"]) for each in reversed(found)))
    return render_template(
        "topic.html", listing=wanted, sidebar=side, cards=cards, total=total, people=people, subject=subject,
        number=letter_id, most=MAX_LETTERS,
    )


@blueprint.route("/m/<int:letter_id>/opened")
@login_required
def opened(letter_id: int) -> str:
    """A letter for its place in the topic, and the sidebar when its numbers have changed. Looking marks it as read."""
    wanted = lists.wanted_of(TOPICS)
    with services().transaction() as conn:
        found = letter.look_at(conn, letter_id)
        side = folders.sidebar(conn, viewer(), wanted) if found.was_unread else None
    return render_template("opened.html", listing=wanted, sidebar=side, **letter.contents(found))


def _letters(conn: Connection, who: Viewer, letter_id: int) -> tuple[list[dict[str, Any]], int]:
    """The newest letters of the topic, newest first, back to the asked one, and how many it has. Raises NotFound."""
    scope = Scope(rights=who.accounts, user_id=who.user_id)
    topic = topics.members(conn, [letter_id], scope).get(letter_id)
    if topic is None:
        raise NotFound(Wrong.NO_LETTER.said(reference=letter_id))
    numbers = [number for number, _ in topic.newest[:MAX_LETTERS]]
    if not request.args.get("earlier"):
        asked = numbers.index(letter_id) + 1 if letter_id in numbers else 0
        numbers = numbers[: max(FIRST_LETTERS, asked)]
    return rows(conn, numbers, scope, COLUMNS), topic.total
