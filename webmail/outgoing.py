"""Links to other programs: admins keep them here, and they stand on letters and senders."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from postbuch.archive import linktemplates
from postbuch.archive.errors import UsageError
from postbuch.webmail import folders
from postbuch.webmail.language import gettext, wrong
from postbuch.webmail.listing import Listing
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer

blueprint = Blueprint("outgoing", __name__)
# What the page shows a template with.
EXAMPLE = linktemplates.values_of(
    address="anna@kunde.example", name="Anna Kunde", subject="Angebot & Preis", message_id="angebot@kunde.example",
    letter_id=4711,
)  # fmt: skip


@blueprint.route("/links", methods=["GET"])
@login_required
def page() -> str:
    """The templates, each with an example; the form with what is in the address (`login.TYPED`)."""
    return _page(request.args.get("name", ""), request.args.get("template", ""))


@blueprint.route("/links", methods=["POST"])
@login_required
def add() -> str | Response:
    """Make one."""
    _admins_only()
    name, template = request.form.get("name", ""), request.form.get("template", "")
    try:
        with services().transaction() as conn:
            number = linktemplates.add(conn, name, template, by=viewer().login)
            on_record(conn, "link-add", f"link {number}", {"name": name.strip(), "template": template.strip()})
    except UsageError as error:
        flash(wrong(error))
        return _page(name, template)
    flash(gettext("The link stands on letters from now on."))
    return redirect(url_for("outgoing.page"))


@blueprint.route("/links/<int:number>/end", methods=["POST"])
@login_required
def end(number: int) -> Response:
    """Take one away."""
    _admins_only()
    with services().transaction() as conn:
        found = linktemplates.remove(conn, number)
        on_record(conn, "link-end", f"link {number}", None, {"name": found.name, "template": found.template})
    flash(gettext("The link is gone."))
    return redirect(url_for("outgoing.page"))


def links_of(conn: Connection, facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and address of each link for a letter (`letterfacts.read`); its sender is meant."""
    sender = next((each for each in facts["people"] if each["field"] == "from"), None)
    if sender is None:
        return []
    values = linktemplates.values_of(
        address=sender["address"], name=sender["display_name"], subject=facts["summary"]["subject"],
        message_id=facts["summary"]["message_id"], letter_id=facts["id"],
    )  # fmt: skip
    filled = ((each.name, each.fill(values)) for each in linktemplates.listed(conn))
    return [(name, href) for name, href in filled if href]


def _page(name: str = "", template: str = "") -> str:
    """name, template: what the form shows, which is what was typed where that was refused."""
    who = viewer()
    if not who.oversees:
        abort(403)
    with services().transaction() as conn:
        on_record(conn, "status", "links")
        side = folders.sidebar(conn, who, Listing())
        found = linktemplates.listed(conn)
    return render_template(
        "links.html", sidebar=side, listing=Listing(), templates=[(each, each.fill(EXAMPLE)) for each in found],
        variables=[f"#{name}#" for name in linktemplates.VARIABLES], may_change=who.role == "admin",
        name=name, template=template,
    )


def _admins_only() -> None:
    if viewer().role != "admin":
        abort(403)
