"""One's keys for programs: made, shown this once, revoked."""

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive import apikeys
from postbuch.archive.errors import UsageError
from postbuch.webmail import folders
from postbuch.webmail.language import gettext, lazy_gettext
from postbuch.webmail.listing import Listing
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer

blueprint = Blueprint("apikeys", __name__)
SCOPES = {
    apikeys.LETTERS: (lazy_gettext("Lists and letters"), lazy_gettext("find letters and read what is known of them")),
    apikeys.CONTENT: (lazy_gettext("Messages and attachments"), lazy_gettext("fetch them, octet for octet")),
    apikeys.MARKS: (lazy_gettext("Read marks"), lazy_gettext("mark letters read and unread")),
    apikeys.EXPORTS: (lazy_gettext("Exports"), lazy_gettext("have lists exported, fetch the files")),
}
DEFAULT = (apikeys.LETTERS,)


@blueprint.route("/keys")
@login_required
def page() -> str:
    """Those that hold; the form with what is in the address (`login.TYPED`)."""
    return _page(name=request.args.get("name", ""), chosen=request.args.getlist("scope") or DEFAULT)


@blueprint.route("/keys", methods=["POST"])
@login_required
def make() -> str:
    """A new one. The page that answers is the only one that ever shows it."""
    who = viewer()
    name, scopes = request.form.get("name", ""), request.form.getlist("scope")
    try:
        with services().transaction() as conn:
            key, number = apikeys.make(conn, who.user_id, name, scopes, by=who.login)
            on_record(conn, "key-add", f"key {number}", {"name": name.strip(), "scopes": " ".join(scopes)})
    except UsageError:
        flash(gettext("Give the key a name that no other key of yours has, and at least one right."))
        return _page(name=name, chosen=scopes)
    return _page(key)


@blueprint.route("/keys/<int:key_id>/revoke", methods=["POST"])
@login_required
def revoke(key_id: int) -> BaseResponse:
    """It ends with the next question that is asked with it. Raises NotFound for what is none of one's own."""
    who = viewer()
    with services().transaction() as conn:
        gone = apikeys.revoke(conn, who.user_id, key_id)
        on_record(conn, "key-revoke", f"key {key_id}", before={"name": gone.name, "scopes": " ".join(gone.scopes)})
    flash(gettext("The key “%(name)s” was revoked.", name=gone.name))
    return redirect(url_for("apikeys.page"))


def _page(made: str = "", *, name: str = "", chosen: Sequence[str] = DEFAULT) -> str:
    """name, chosen: what the form shows, which is what was typed where that was refused."""
    who = viewer()
    with services().transaction() as conn:
        on_record(conn, "key-list", "keys")
        found = apikeys.listed(conn, who.user_id)
        side = folders.sidebar(conn, who, Listing())
    return render_template(
        "apikeys.html", sidebar=side, listing=Listing(), keys=found, made=made, scopes=SCOPES, name=name, chosen=chosen,
        base=services().config.web.public_url.rstrip("/"),
    )
