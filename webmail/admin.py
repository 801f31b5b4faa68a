"""For admins and auditors: how the archive is doing, in plain words; its accounts, users and departments."""

from flask import Blueprint, abort, render_template

from postbuch.archive import accounts, departments, users
from postbuch.archive import status as archive_status
from postbuch.certs.expiry import expiries
from postbuch.webmail import folders
from postbuch.webmail.listing import Listing
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer

blueprint = Blueprint("admin", __name__)


@blueprint.route("/admin")
@login_required
def system() -> str:
    """The state of the system."""
    if not viewer().oversees:
        abort(403)
    with services().transaction() as conn:
        on_record(conn, "status", "system")
        side = folders.sidebar(conn, viewer(), Listing())
        listed, people, groups = accounts.list_accounts(conn), users.list_users(conn), departments.listed(conn)
    config = services().config
    facts, certificates = archive_status.status(config), expiries(config)
    sentences = [*facts["sentences"], *(each.sentence for each in certificates if each.sentence)]
    return render_template(
        "admin.html", sidebar=side, listing=Listing(), accounts=listed, users=people, facts=facts,
        departments=groups, certificates=certificates, sentences=sentences,
    )
