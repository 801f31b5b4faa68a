"""The list of letters: newest first, page by page, by account, mailbox, in, out and unread, or what was looked for."""

from datetime import datetime

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive import audit, letters, listchoices, listletters, listview, marks
from postbuch.archive.errors import UsageError
from postbuch.archive.letters import Cursor
from postbuch.archive.listcolumn import Scope
from postbuch.archive.listview import VIEWS
from postbuch.webmail import finding, folders, listaddress, listing, lists, listwords, undoing
from postbuch.webmail.language import count as written
from postbuch.webmail.language import gettext, ngettext
from postbuch.webmail.listing import Listing
from postbuch.webmail.login import local_path
from postbuch.webmail.people import COLUMNS, row
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import Viewer, login_required, viewer
from postbuch.webmail.waiting import HEADER, HOLDS, Question

blueprint = Blueprint("mailbox", __name__)
LETTERS = VIEWS["letters"]
# What a page can select, with room for an address that a person put together by hand.
MAX_MARKED = 1_000
# Letters that are marked at once as a whole list: each is two rows, 20,000 some seconds of one of 16 threads.
MAX_BULK = 20_000
_BULK_STEP = 1_000


@blueprint.route("/")
@login_required
def index() -> str | BaseResponse:
    """The list, or what was looked for."""
    return list_page()


def list_page(*, is_link: bool = False) -> str | BaseResponse:
    """The list that the address of this request means. `is_link`: it is one of the seed product's own."""
    who = viewer()
    with services().transaction() as conn:
        choice = listchoices.find(conn, who.user_id, LETTERS.name)
        wanted = lists.wanted_of(LETTERS, is_link=is_link, choice=choice)
        added = listaddress.with_condition(LETTERS, wanted, request.args)
        if added is not None:
            return redirect(added)
        on_record(conn, "search" if wanted.found else "list", wanted.name, wanted.scope)
        side = folders.sidebar(conn, who, wanted)
        sheet = lists.sheet(conn, who, LETTERS, wanted, choice, side.place_of(wanted))
        beside = finding.beside(conn, who, sheet)
        newest = letters.newest(conn, who.accounts, side.mailboxes)
    cards = [] if sheet.is_table else [
        row(
            each, wanted, side.own, passage=beside.passages.get(each["id"]),
            subject_marked=finding.marked_subject(each["subject"], beside.words),
        )
        for each in sheet.rows
    ]  # fmt: skip
    return render_template(
        "list.html", listing=wanted, sheet=sheet, cards=cards, beside=beside, sidebar=side, since=_since(newest),
        holds=current_app.config.get(HOLDS, False), title=_title(wanted, side),
    )


@blueprint.route("/news")
@login_required
def news() -> str | Response:
    """How many letters have come since the list was made: asked by the page all the time, so not put on record.

    Nothing more than the page knows already is said when there is more, or later (`waiting.py`).
    """
    since = listing.parse_cursor(request.args.get("since", ""))
    if since is None:
        return Response(status=204)
    accounts, known = viewer().accounts, request.args.get("known", "0")
    with services().transaction() as conn:
        # Before it is counted: of two that come at once the later one is not missed.
        above = letters.highest(conn)
        number = letters.newer_count(conn, accounts, since)
    if str(number) == known:
        answer = Response(status=204)
        if current_app.config.get(HOLDS):
            answer.headers[HEADER] = Question(above=above, accounts=accounts).written()
        return answer
    return render_template("news.html", number=number, listing=listing.parse(request.args))


@blueprint.route("/count")
@login_required
def count() -> str:
    """How many letters the list has, for “select all”."""
    who, wanted = viewer(), lists.wanted_of(LETTERS)
    with services().transaction() as conn:
        on_record(conn, "search" if wanted.found else "list", f"{wanted.name} counted", wanted.scope)
        try:
            number = listview.count(conn, LETTERS, wanted.filter, who.accounts, who.user_id, most=MAX_BULK)
        except UsageError:
            number = 0
    return render_template("count.html", number=number, most=MAX_BULK)


@blueprint.route("/marks", methods=["POST"])
@login_required
def mark() -> str | BaseResponse:
    """Mark letters read or unread, those of a page or all of the list; the answer offers to undo it."""
    who, wanted = viewer(), lists.wanted_of(LETTERS)
    if not who.may_mark:
        abort(403)
    read = request.form.get("mark") == "read"
    numbers = [int(text) for text in request.form.getlist("letter")[:MAX_MARKED] if text.isdecimal() and len(text) < 19]
    at = audit.now()
    with services().transaction() as conn:
        meant = _meant(conn, who, wanted, numbers)
        if meant is None:
            flash(gettext("More than %(number)s letters are not marked at once; narrow the list.",
                          number=written(MAX_BULK)))  # fmt: skip
            # A part of the page would not show it: the page is asked for anew.
            back = _back(wanted)
            return Response(headers={"HX-Redirect": back.location}) if request.headers.get("HX-Request") else back
        changed = _mark(conn, who, meant, read, at)
        # Not by what was looked for: an admin may know that something was marked, not what somebody typed.
        target = f"letters {' '.join(map(str, numbers))}" if meant is numbers else "letters of a list"
        on_record(
            conn, "mark-read" if read else "mark-unread", target,
            {"read": changed if read else []}, {"read": [] if read else changed},
        )
        there = set(numbers) & set(changed)
        found = listletters.rows(conn, sorted(there), Scope(rights=who.accounts, user_id=who.user_id), COLUMNS)
        side = folders.sidebar(conn, who, wanted)
    said, undo = _said(len(changed), read), {"at": at.isoformat(), "mark": "unread" if read else "read"}
    if request.headers.get("HX-Request"):
        rows = [row(facts, wanted, side.own) for facts in found]
        return render_template("marks.html", rows=rows, listing=wanted, sidebar=side, said=said, changed=changed,
                               undo=undo)  # fmt: skip
    undoing.offer(said, undo if changed else None)
    return _back(wanted)


def _meant(conn: Connection, who: Viewer, wanted: Listing, numbers: list[int]) -> list[int] | None:
    """The letters: those of an earlier change that is undone, the whole list, or those chosen. None: too many."""
    if request.form.get("undo"):
        try:
            at = datetime.fromisoformat(request.form["undo"])
        except ValueError:
            abort(400)
        return marks.changed(conn, who.user_id, at.replace(tzinfo=None))
    if request.form.get("all") != "1":
        return numbers
    try:
        found = listview.keys_of(conn, LETTERS, wanted.filter, who.accounts, who.user_id, limit=MAX_BULK + 1)
    except UsageError:
        return []
    return list(found) if len(found) <= MAX_BULK else None


def _mark(conn: Connection, who: Viewer, numbers: list[int], read: bool, at: datetime) -> list[int]:
    changed = []
    for start in range(0, len(numbers), _BULK_STEP):
        step = numbers[start : start + _BULK_STEP]
        changed += folders.mark_read(conn, step, who.user_id, read, who.accounts, at)
    return changed


def _back(wanted: Listing) -> BaseResponse:
    return redirect(local_path(request.form.get("next")) or url_for("mailbox.index", **wanted.scope))


def _said(number: int, read: bool) -> str:
    if not number:
        return gettext("Nothing had to be changed.")
    if read:
        return ngettext("%(num)s letter marked as read.", "%(num)s letters marked as read.", number)
    return ngettext("%(num)s letter marked as unread.", "%(num)s letters marked as unread.", number)


def _since(newest: Cursor | None) -> str:
    """The place of the newest letter; before every letter when there is none yet."""
    return listing.write_cursor(newest or Cursor(sort_at=datetime(1970, 1, 1), letter_id=0))


def _title(wanted: Listing, side: folders.Sidebar) -> str:
    if wanted.found:
        return gettext("Search")
    if wanted.account is None and wanted.mailbox is None:
        return str(listwords.TABS.get(wanted.filter.tab, gettext("All letters")))
    return side.current
