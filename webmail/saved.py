"""Searches that a person keeps: among his folders, with what is unread in them."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from postbuch.archive import clock, filtergrammar, listview, savedsearches
from postbuch.archive.errors import UsageError
from postbuch.archive.filterform import Condition
from postbuch.archive.listview import VIEWS
from postbuch.archive.savedsearches import Saved
from postbuch.archive.users import Rights
from postbuch.webmail import folders, lists, undoing
from postbuch.webmail.language import gettext, wrong
from postbuch.webmail.listing import Listing
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer

blueprint = Blueprint("saved", __name__)
LETTERS = VIEWS["letters"]
# "99+" tells enough, and keeps counting cheap.
MOST = 99


@blueprint.route("/searches", methods=["GET"])
@login_required
def page() -> str:
    """All of them, to be changed and removed."""
    who = viewer()
    with services().transaction() as conn:
        on_record(conn, "status", "searches")
        side = folders.sidebar(conn, who, Listing())
    return render_template("searches.html", sidebar=side, listing=Listing())


@blueprint.route("/searches", methods=["POST"])
@login_required
def keep() -> Response:
    """Keep the list of this address under a name."""
    who, wanted = viewer(), lists.wanted_of(LETTERS)
    name = request.form.get("name", "")
    try:
        with services().transaction() as conn:
            savedsearches.keep(
                conn, who.user_id, name, urlencode(wanted.scope), in_sidebar=request.form.get("counted") == "1"
            )
            on_record(conn, "search-keep", "searches", {"name": name.strip(), "list": wanted.name})
    except UsageError as error:
        flash(wrong(error))
    else:
        flash(gettext("The search is kept; it stands below your mailboxes."))
    return redirect(url_for("mailbox.index", **wanted.scope))


@blueprint.route("/searches/<int:number>", methods=["GET"])
@login_required
def show(number: int) -> Response:
    """On to its list."""
    with services().transaction() as conn:
        found = savedsearches.get(conn, viewer().user_id, number)
    return redirect(f"{url_for('mailbox.index')}?{found.address}")


@blueprint.route("/searches/<int:number>", methods=["POST"])
@login_required
def change(number: int) -> Response:
    """Call one otherwise; let it stand among the folders, or not."""
    who, name, counted = viewer(), request.form.get("name", ""), request.form.get("counted") == "1"
    try:
        with services().transaction() as conn:
            before = savedsearches.change(conn, who.user_id, number, name, in_sidebar=counted)
            on_record(
                conn, "search-keep", "searches", {"name": name.strip(), "list": before.address, "counted": counted},
                {"name": before.name, "list": before.address, "counted": before.in_sidebar},
            )
    except UsageError as error:
        flash(wrong(error))
    else:
        flash(gettext("The search is changed."))
    return redirect(url_for("saved.page"))


@blueprint.route("/searches/<int:number>/end", methods=["POST"])
@login_required
def end(number: int) -> Response:
    """Remove one; the next page offers to undo it."""
    who = viewer()
    with services().transaction() as conn:
        found = savedsearches.remove(conn, who.user_id, number)
        on_record(conn, "search-end", "searches", None, {"name": found.name, "list": found.address})
    undoing.offer(gettext("The search is removed."), {"href": url_for("saved.restore", number=found.id)})
    return redirect(url_for("saved.page"))


@blueprint.route("/searches/<int:number>/restore", methods=["POST"])
@login_required
def restore(number: int) -> Response:
    """Keep again what was removed."""
    try:
        with services().transaction() as conn:
            found = savedsearches.restore(conn, viewer().user_id, number)
            on_record(
                conn, "search-keep", "searches",
                {"name": found.name, "list": found.address, "counted": found.in_sidebar},
            )
    except UsageError as error:
        flash(wrong(error))
    else:
        flash(gettext("The search is kept again."))
    return redirect(url_for("saved.page"))


@blueprint.route("/searches/counts", methods=["GET"])
@login_required
def counts() -> str:
    """How many unread letters each has: asked by the page itself, as the numbers beside the mailboxes are."""
    who = viewer()
    with services().transaction() as conn:
        kept = [each for each in savedsearches.listed(conn, who.user_id) if each.in_sidebar]
    return render_template("saved_counts.html", counts=[
        (each.id, unread_in(who.user_id, who.accounts, each)) for each in kept
    ], most=MOST)


def unread_in(user_id: int, accounts: Rights, each: Saved) -> int:
    """How many unread letters a search finds, on the clock of this request; MOST + 1 for more. Kept for a while."""
    found = filtergrammar.parse(dict(parse_qsl(each.address)))
    wanted = replace(found, within=(*found.within, Condition(field="unread", op="equals", value="1")))

    def count() -> int:
        with services().transaction() as conn:
            try:
                return listview.count(conn, LETTERS, wanted, accounts, user_id, most=MOST)
            except UsageError:
                return 0

    return services().searches.get(user_id, (each.id, each.address, accounts, str(clock.zone())), count)
