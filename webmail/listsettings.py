"""What a person chooses for a list: its columns in their order, and how long a page is."""

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from postbuch.archive import listchoices, listview
from postbuch.archive.listview import VIEWS
from postbuch.webmail import listaddress, lists
from postbuch.webmail.login import local_path
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer

blueprint = Blueprint("listsettings", __name__)
# Media and senders have pages of their own, where nothing is chosen.
CHOSEN = ("letters", "topics")


@blueprint.route("/settings/list/<name>", methods=["POST"])
@login_required
def choose(name: str) -> Response:
    """From now on these columns, or with `usual` the usual look; and so many rows a page."""
    if name not in CHOSEN:
        abort(404)
    known = listview.shown_columns(VIEWS[name])
    columns = [each for each in dict.fromkeys(request.form.getlist("column")) if each in known]
    if request.form.get("look") == "usual":
        columns = []
    size = request.form.get("size", "")
    page_size = int(size) if size in map(str, lists.PAGE_SIZES) else 0
    who = viewer()
    with services().transaction() as conn:
        before = listchoices.keep(conn, who.user_id, name, columns, page_size)
        on_record(
            conn, "list-choice", f"list {name}", {"columns": columns, "page_size": page_size},
            {"columns": list(before.columns), "page_size": before.page_size},
        )
    back = local_path(request.form.get("next"))
    return redirect(_without_size(back) if back else url_for(listaddress.ENDPOINTS[name]))


def _without_size(path: str) -> str:
    """The address without the length of a page that it asks for: that would count more than what was just chosen.

    Nothing else of it is touched: links of old programs are not in UTF-8.
    """
    bare, mark, query = path.partition("?")
    return bare + mark + "&".join(each for each in query.split("&") if not each.startswith("pagesize="))
