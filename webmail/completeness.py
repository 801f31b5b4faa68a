"""For admins and auditors: whether all that the provider has is here, account by account and mailbox by mailbox."""

from collections import Counter

from flask import Blueprint, abort, render_template

from postbuch.archive import completeness
from postbuch.archive.completeness import Standing, Verdict
from postbuch.webmail import folders
from postbuch.webmail.language import gettext
from postbuch.webmail.listing import Listing
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer

blueprint = Blueprint("completeness", __name__)

# What somebody should look at comes first.
ORDER = (
    Verdict.MISSING, Verdict.LATE, Verdict.UNKNOWN, Verdict.PAUSED, Verdict.WORKING, Verdict.COMPLETE, Verdict.LEFT_OUT
)
BAD = {Verdict.MISSING, Verdict.LATE}


@blueprint.route("/completeness")
@login_required
def page() -> str:
    """Upstream's count against ours."""
    if not viewer().oversees:
        abort(403)
    with services().transaction() as conn:
        on_record(conn, "status", "completeness")
        side = folders.sidebar(conn, viewer(), Listing())
        found = completeness.look(conn)
    found.sort(key=lambda each: (ORDER.index(each.verdict), each.account))
    return render_template(
        "completeness.html", sidebar=side, listing=Listing(), standings=found, bad=BAD, names=_names(), words=_words(),
        summary=_summary(found),
    )


def _summary(found: list[Standing]) -> dict[str, int]:
    counts = Counter(each.verdict for each in found)
    return {
        "messages": sum(each.messages for each in found), "archived": sum(each.archived for each in found),
        "missing": sum(each.missing for each in found), "accounts": len(found),
        "good": counts[Verdict.COMPLETE], "bad": sum(counts[each] for each in BAD),
    }


def _names() -> dict[Verdict, str]:
    return {
        Verdict.COMPLETE: gettext("complete"), Verdict.WORKING: gettext("is being collected"),
        Verdict.MISSING: gettext("messages are missing"), Verdict.LATE: gettext("not up to date"),
        Verdict.UNKNOWN: gettext("not checked"), Verdict.PAUSED: gettext("paused"),
        Verdict.LEFT_OUT: gettext("is not collected"),
    }  # fmt: skip


def _words() -> dict[Verdict, str]:
    """What each means, and what to do."""
    return {
        Verdict.COMPLETE: gettext("Every message that the provider listed when it was last asked is in the archive."),
        Verdict.WORKING: gettext("Messages are on their way here. Nothing has to be done."),
        Verdict.MISSING: gettext(
            "The provider lists messages that it does not give out. They are tried again each day; the reason stands "
            "beside the mailbox. Open one of them in a mail program: if that fails as well, ask the provider."
        ),
        Verdict.LATE: gettext(
            "The account was not found complete for more than an hour. The reason stands behind this. What passes "
            "through Postbuch is archived all the same."
        ),
        Verdict.UNKNOWN: gettext(
            "No password of this account is known, so nobody has counted what the provider has. What passes through "
            "Postbuch is archived. “postbuch account store” gives it a password; “remember = true” keeps the one of "
            "the next log-in."
        ),
        Verdict.PAUSED: gettext(
            "Somebody paused it: only what passes through is archived. “postbuch sync --resume” goes on."
        ),
        Verdict.LEFT_OUT: gettext(
            "Chosen so: only what passes through is archived. “postbuch account set --archive” changes it."
        ),
    }
