"""The list of letters: newest first, page by page, by account, mailbox and unread, or as the result of a search."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive import letters, search, search_facets
from postbuch.archive.errors import UsageError
from postbuch.archive.letters import Cursor
from postbuch.archive.marks import unread_of
from postbuch.webmail import finding, folders, listing, searchhelp
from postbuch.webmail.finding import Spread
from postbuch.webmail.language import gettext, ngettext
from postbuch.webmail.listing import Listing
from postbuch.webmail.login import local_path
from postbuch.webmail.people import Row, row
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import Viewer, login_required, viewer

blueprint = Blueprint("mailbox", __name__)
PAGE = 50
# What a page can select, with room for an address that a person put together by hand.
MAX_MARKED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What one page of a list shows."""

    rows: list[Row]
    newer: str | None
    older: str | None
    total: int | None = None
    problem: str = ""
    spread: list[Spread] = field(default_factory=list)
    lag: int = 0
    unindexed: bool = False


@blueprint.route("/")
@login_required
def index() -> str:
    """The list, or what a search found."""
    wanted = listing.parse(request.args)
    who = viewer()
    with services().transaction() as conn:
        on_record(conn, "search" if wanted.query else "list", wanted.name)
        side = folders.sidebar(conn, who, wanted)
        sheet = _search(conn, who, wanted, side.own) if wanted.query else _page(conn, who, wanted, side.own)
        newest = letters.page(conn, who.accounts, who.user_id, limit=1).rows
    return render_template(
        "list.html", listing=wanted, sheet=sheet, sidebar=side, since=_since(newest), title=_title(wanted, side)
    )


@blueprint.route("/news")
@login_required
def news() -> str | Response:
    """How many letters have come since the list was made: asked every few seconds by the page, so not put on record."""
    since = listing.parse_cursor(request.args.get("since", ""))
    if since is None:
        return Response(status=204)
    with services().transaction() as conn:
        number = letters.newer_count(conn, viewer().accounts, since)
    if not number:
        return Response(status=204)
    return render_template("news.html", number=number, listing=listing.parse(request.args))


@blueprint.route("/marks", methods=["POST"])
@login_required
def marks() -> str | BaseResponse:
    """Mark letters read or unread; the answer offers to undo it."""
    who, wanted = viewer(), listing.parse(request.args)
    if not who.may_mark:
        abort(403)
    read = request.form.get("mark") == "read"
    numbers = [int(text) for text in request.form.getlist("letter")[:MAX_MARKED] if text.isdecimal() and len(text) < 19]
    with services().transaction() as conn:
        changed = letters.mark_read(conn, numbers, who.user_id, read, who.accounts)
        on_record(
            conn, "mark-read" if read else "mark-unread", f"letters {' '.join(map(str, numbers))}",
            {"read": changed if read else []}, {"read": [] if read else changed},
        )
        found = search.rows(conn, changed, who.accounts)
        side = folders.sidebar(conn, who, wanted)
    said = _said(len(changed), read)
    if request.headers.get("HX-Request"):
        rows = [row({**facts, "unread": not read}, wanted, side.own) for facts in found]
        return render_template(
            "marks.html", rows=rows, listing=wanted, sidebar=side, said=said, changed=changed, undo=not read
        )
    flash(said)
    return redirect(local_path(request.form.get("next")) or url_for("mailbox.index", **wanted.scope))


def _said(number: int, read: bool) -> str:
    if not number:
        return gettext("Nothing had to be changed.")
    if read:
        return ngettext("%(num)s letter marked as read.", "%(num)s letters marked as read.", number)
    return ngettext("%(num)s letter marked as unread.", "%(num)s letters marked as unread.", number)


def _page(conn: Connection, who: Viewer, wanted: Listing, own: str) -> Sheet:
    found = letters.page(
        conn, who.accounts, who.user_id, account_id=wanted.account, mailbox_id=wanted.mailbox, unread=wanted.unread,
        before=wanted.before, after=wanted.after, limit=PAGE,
    )
    return Sheet(
        rows=[row(facts, wanted, own) for facts in found.rows],
        newer=_place(wanted, "after", found.newer),
        older=_place(wanted, "before", found.older),
    )


def _place(wanted: Listing, side: str, cursor: Cursor | None) -> str | None:
    if cursor is None:
        return None
    place: dict[str, Any] = {side: listing.write_cursor(cursor)}
    return url_for("mailbox.index", **wanted.scope, **place)


def _search(conn: Connection, who: Viewer, wanted: Listing, own: str) -> Sheet:
    try:
        found = search.search(
            conn, wanted.query, who.accounts, limit=PAGE, offset=wanted.offset, user_id=who.user_id
        )
        ids = [facts["id"] for facts in found.rows]
        passages = search_facets.snippets(conn, wanted.query, ids, who.accounts)
        words = finding.subject_words(wanted.query)
        spread = finding.spread(conn, wanted.query, who) if found.total > 1 else []
    except UsageError as error:
        return Sheet(rows=[], newer=None, older=None, problem=searchhelp.explain(str(error)))
    unread = unread_of(conn, ids, who.user_id, who.accounts)
    end = wanted.offset + len(found.rows)
    before = max(wanted.offset - PAGE, 0)
    return Sheet(
        rows=[
            row(
                {**facts, "unread": facts["id"] in unread}, wanted, own, passage=passages.get(facts["id"]),
                subject_marked=finding.marked_subject(facts["subject"], words),
            )
            for facts in found.rows
        ],
        newer=url_for("mailbox.index", q=wanted.query, offset=before or None) if wanted.offset else None,
        older=url_for("mailbox.index", q=wanted.query, offset=end) if end < found.total else None,
        total=found.total,
        spread=spread,
        lag=found.lag,
        unindexed=found.unindexed,
    )


def _since(rows: list[Mapping[str, Any]] | list[dict[str, Any]]) -> str:
    """The place of the newest letter; before every letter when there is none yet."""
    if not rows:
        return "1970-01-01T00:00:00_0"
    return f"{rows[0]['arrived_at'].removesuffix('Z')}_{rows[0]['id']}"


def _title(wanted: Listing, side: folders.Sidebar) -> str:
    if wanted.query:
        return gettext("Search")
    if wanted.account is None and wanted.mailbox is None:
        return gettext("Unread") if wanted.unread else gettext("All letters")
    return side.current
