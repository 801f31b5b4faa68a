"""The addresses that letters came from and went to: a table."""

from flask import Blueprint, redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive import listview
from postbuch.webmail import folders, summarylist
from postbuch.webmail.listing import Listing
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer
from postbuch.webmail.summarylist import Asked, Input

blueprint = Blueprint("senders", __name__)
VIEW = listview.VIEWS["senders"]
FORM = (
    Input(field="domain", op="equals"), Input(field="in", op="moreequal", takes="[0-9]{1,9}"),
    Input(field="out", op="moreequal", takes="[0-9]{1,9}"),
    Input(field="last", op="moreequal", takes="[0-9]{4}-[0-9]{2}-[0-9]{2}"),
)  # fmt: skip
NAMES = ("name", "address", "domain", "in", "out", "first", "last")


@blueprint.route("/senders")
@login_required
def index() -> str | BaseResponse:
    """The table, who wrote last first unless it is asked otherwise."""
    asked = summarylist.asked(VIEW, FORM, {})
    address = summarylist.written(asked, FORM)
    if address is not None:
        return redirect(address)
    who = viewer()
    with services().transaction() as conn:
        page = listview.page(
            conn, VIEW, asked.filter, who.accounts, who.user_id, limit=asked.size, names=NAMES, most=summarylist.MOST,
        )
        on_record(conn, "senders", "senders", {"query": _query(asked), "found": page.total})
        side = folders.sidebar(conn, who, Listing())
    newer, older = asked.pages(page.total, len(page.rows))
    return render_template(
        "senders.html", listing=Listing(), sidebar=side, asked=asked, rows=page.rows, total=page.total,
        most=summarylist.MOST, start=asked.filter.offset, newer=newer, older=older, headings=asked.headings(NAMES),
        chips=asked.chips(), sizes=summarylist.PAGE_SIZES,
    )  # fmt: skip


def _query(asked: Asked) -> dict[str, str]:
    return {name: str(value) for name, value in asked.scope.items()}
