"""The seed product's own links, as they stand in Word, Excel and CRM programs: any prefix, any table name.

    /intexmail/mail_messages_list.php?q=(from_email~equals~test@test.de)&tab=read&orderby=dmaildate
    /intexmail/mail_messages_view.php?editid1=ID
"""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive import letters
from postbuch.archive.errors import NotFound
from postbuch.archive.wrong import Wrong
from postbuch.webmail import mailbox
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer

blueprint = Blueprint("deeplinks", __name__)
# MariaDB's BIGINT UNSIGNED has 20 digits; 18 never overflow.
MAX_DIGITS = 18


@blueprint.route("/<path:place>_list.php")
@login_required
def list_page(place: str) -> str | BaseResponse:
    """The list where the link stands: its address stays, what is clicked there leads on by ours."""
    return mailbox.list_page(is_link=True)


@blueprint.route("/<path:place>_view.php")
@login_required
def view_page(place: str) -> BaseResponse:
    """One letter, by its number."""
    number = request.args.get("editid1", "").strip()
    if not number.isdecimal() or not number.isascii() or len(number) > MAX_DIGITS:
        raise NotFound(Wrong.LINK_NAMES_NONE.said())
    who = viewer()
    with services().transaction() as conn:
        on_record(conn, "find", f"letter {int(number)}")
    # A transaction of its own: that somebody asked stays on record also when nothing is found.
    with services().transaction() as conn:
        found = letters.find_letter(conn, str(int(number)), who.accounts)
    return redirect(url_for("letter.show", letter_id=found))
