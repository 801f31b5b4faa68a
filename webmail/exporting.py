"""What a search found as a ZIP with a manifest, streamed: within the rights of who asks, and on record first."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive import audit, export, exportfile
from postbuch.archive.errors import NotFound, UsageError
from postbuch.archive.export import Export
from postbuch.webmail import listing, policy
from postbuch.webmail.language import gettext
from postbuch.webmail.policy import Kind
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer

blueprint = Blueprint("exporting", __name__)
# 1 GiB, some 10,000 letters of a company: a minute at 20 MB/s, for which one of the 16 threads that answer is taken.
# More is for `postbuch export`, which keeps nobody from reading.
MAX_OCTETS = 1_073_741_824


@blueprint.route("/export.zip")
@login_required
def found() -> Response | BaseResponse:
    """Every letter of a search, in the folder tree of accounts and mailboxes."""
    wanted, who = listing.parse(request.args), viewer()
    if not wanted.only_words:
        raise NotFound("only what a search found is exported")
    with services().transaction() as conn:
        try:
            numbers = export.find(conn, wanted.query, who.accounts, who.user_id)
        except UsageError:  # which the list explains
            return redirect(url_for("mailbox.index", **wanted.scope))
        images, octets = export.volume(conn, numbers, who.accounts)
        facts = {"query": wanted.query, "letters": len(numbers), "messages": images, "size_octets": octets}
        on_record(conn, "export" if octets <= MAX_OCTETS else "export-refused", "letters", {**facts, "format": "zip"})
    if octets > MAX_OCTETS:
        flash(gettext(
            "These letters have %(size)s MB and %(limit)s MB can be exported here; narrow the search, or ask for "
            "`postbuch export`.", size=octets // 1_000_000, limit=MAX_OCTETS // 1_000_000,
        ))  # fmt: skip
        return redirect(url_for("mailbox.index", **wanted.scope))
    policy.mark(Kind.FILE)
    now = audit.now()
    head = {"made_at": f"{now.isoformat()}Z", "made_by": who.login, "query": wanted.query}
    # What the stream needs is looked up here: it goes on when this request is forgotten.
    export_ = Export(services().engine, services().config, who.accounts, numbers)
    answer = Response(_pieces(export_, head), content_type="application/zip")
    answer.headers.set("Content-Disposition", "attachment", filename=f"postbuch-{now:%Y-%m-%d-%H%M}.zip")
    return answer


def _pieces(export_: Export, head: dict[str, Any]) -> Iterator[bytes]:
    for _, piece in exportfile.zip_octets(export_, [], head):
        if piece:
            yield piece
