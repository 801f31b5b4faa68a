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
from postbuch.webmail import folders, listaddress, lists
from postbuch.webmail.language import gettext
from postbuch.webmail.people import COLUMNS, row, short_names
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import Viewer, login_required, viewer

blueprint = Blueprint("topics", __name__)
TOPICS = VIEWS["topics"]
# Letters on the page of one topic: 500 rows are 300 KB; of a longer one the newest.
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
    """The letters of one topic, oldest first as they were written. Raises NotFound."""
    who = viewer()
    wanted = lists.wanted_of(TOPICS)
    with services().transaction() as conn:
        letters.find_letter(conn, str(letter_id), who.accounts)  # NotFound in the usual words
        on_record(conn, "view", f"topic of letter {letter_id}")
        side = folders.sidebar(conn, who, wanted)
        found, total = _letters(conn, who, letter_id)
    cards = [row(each, wanted.at_first_page) for each in reversed(found)]
    people = list(dict.fromkeys(short_names(each["from"]) for each in reversed(found)))
    return render_template(
        "topic.html", listing=wanted, sidebar=side, cards=cards, total=total, people=people,
        subject=bare_subject(found[-1]["subject"])[0], number=letter_id,
    )


def _letters(conn: Connection, who: Viewer, letter_id: int) -> tuple[list[dict[str, Any]], int]:
    """The newest letters of the topic, newest first, and how many it has. Raises NotFound."""
    scope = Scope(rights=who.accounts, user_id=who.user_id)
    topic = topics.members(conn, [letter_id], scope).get(letter_id)
    if topic is None:
        raise NotFound(Wrong.NO_LETTER.said(reference=letter_id))
    return rows(conn, [number for number, _ in topic.newest[:MAX_LETTERS]], scope, COLUMNS), topic.total
