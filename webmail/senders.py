"""The addresses that letters came from and went to: a table, and CSV for spreadsheets and mailing tools."""

from collections.abc import Iterator

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive import audit, csvtext, listview
from postbuch.webmail import folders, language, listwords, policy, summarylist
from postbuch.webmail.listing import Listing
from postbuch.webmail.policy import Kind
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import Viewer, login_required, viewer
from postbuch.webmail.summarylist import Asked

blueprint = Blueprint("senders", __name__)
VIEW = listview.VIEWS["senders"]
FORM = (("domain", "equals"), ("in", "moreequal"), ("out", "moreequal"), ("last", "moreequal"))
NAMES = ("name", "address", "domain", "in", "out", "first", "last")


@blueprint.route("/senders")
@login_required
def index() -> str | BaseResponse:
    """The table, who wrote last first unless it is asked otherwise."""
    asked = summarylist.asked(VIEW, "senders.index", FORM, {})
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
        chips=asked.chips(FORM), sizes=summarylist.PAGE_SIZES,
        table=url_for("senders.table", **asked.scope), mailing=url_for("senders.table", **asked.scope, columns="mail"),
    )  # fmt: skip


@blueprint.route("/senders.csv")
@login_required
def table() -> Response:
    """All of the list as CSV. `columns=mail`: address and name alone, as tools for mailings take them."""
    asked, who = summarylist.asked(VIEW, "senders.index", FORM, {}), viewer()
    mailing = request.args.get("columns") == "mail"
    with services().transaction() as conn:
        total = listview.count(conn, VIEW, asked.filter, who.accounts, who.user_id)
        on_record(conn, "export", "senders", {"query": _query(asked), "rows": total, "format": "csv"})
    policy.mark(Kind.FILE)
    semicolon = language.language() == "de" and not mailing
    lines = csvtext.lines(_rows(asked, who, mailing), semicolon=semicolon)
    answer = Response("".join(lines), content_type="text/csv; charset=utf-8")
    answer.headers.set("Content-Disposition", "attachment", filename=f"postbuch-{audit.now():%Y-%m-%d}-senders.csv")
    return answer


def _rows(asked: Asked, who: Viewer, mailing: bool) -> Iterator[tuple[object, ...]]:
    """Mailing tools know columns by their English names, whatever the language of the reader."""
    names = ("address", "name") if mailing else NAMES
    yield ("email", "name") if mailing else tuple(listwords.title(VIEW, name) for name in names)
    with services().transaction() as conn:
        yield from listview.stream(conn, VIEW, asked.filter, who.accounts, who.user_id, names)


def _query(asked: Asked) -> dict[str, str]:
    return {name: str(value) for name, value in asked.scope.items()}
