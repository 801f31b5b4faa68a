"""The Export menu of every list: what it shows, in the same order and columns, as a file at once or as a job.

On record with its query and count before the file is given (invariant 9). The rights are part of the query.
"""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, flash, redirect, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive import audit, export_list, exportfile, filtergrammar, jobs, jobwork, listchoices
from postbuch.archive.errors import UsageError
from postbuch.archive.export import Export
from postbuch.archive.export_list import Asked
from postbuch.archive.export_table import local
from postbuch.archive.export_table_xml import SCHEMA
from postbuch.archive.jobs import Job
from postbuch.archive.listcolumn import View
from postbuch.archive.listview import VIEWS
from postbuch.webmail import language, listwords, policy
from postbuch.webmail.language import gettext, lazy_gettext
from postbuch.webmail.login import local_path
from postbuch.webmail.policy import Kind
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import Viewer, login_required, viewer

blueprint = Blueprint("export_list", __name__)
# Written while the browser waits: 20,000 rows of Excel are 3 s and some 3 MB of memory.
AT_ONCE_ROWS = 20_000
# Messages at once: a second, and so much memory of this process.
AT_ONCE_OCTETS = 20_971_520
# In the session while somebody waits for a job: only then his pages ask how it is going.
WAITS = "jobs"

# What the menu offers: the form's value, its name, what it is good for.
_TABLES = (
    ("xlsx", lazy_gettext("Excel"), lazy_gettext("with dates as dates")),
    ("csv-excel", lazy_gettext("CSV for Excel"), lazy_gettext("opens with a double click")),
    ("csv", lazy_gettext("CSV for programs"), lazy_gettext("with commas, UTF-8")),
    ("xml", lazy_gettext("XML"), lazy_gettext("with a schema")),
    ("sql", lazy_gettext("SQL"), lazy_gettext("for MariaDB and MySQL")),
    ("json", lazy_gettext("JSON"), lazy_gettext("for programs")),
)
_MESSAGES = (
    ("zip", lazy_gettext("Messages as ZIP"), lazy_gettext("EML files and checksums")),
    ("mbox", lazy_gettext("Messages as mbox"), lazy_gettext("for Thunderbird and others")),
)
# Of senders. Mailing tools take these columns by these names, whatever the language of who exports them.
MAILING = "csv-mailing"
_MAILING = (MAILING, lazy_gettext("CSV for mailing tools"), lazy_gettext("address and name"))
_MAILING_VIEW, _MAILING_COLUMNS, _MAILING_TITLES = "senders", ("address", "name"), ("email", "name")
# Titles that stand nowhere else on the pages; those of columns are marked where the lists are shown.
_TITLES = (lazy_gettext("Topics"), lazy_gettext("Media type"))


def menu(view: View) -> list[tuple[str, Any, Any]]:
    """What the list can be exported as: value, name, what it is good for."""
    return [
        *_TABLES, *(_MESSAGES if view.name == export_list.MESSAGE_VIEW else ()),
        *([_MAILING] if view.name == _MAILING_VIEW else ()),
    ]


@blueprint.route("/export", methods=["POST"])
@login_required
def export() -> BaseResponse:
    """Everything that the list shows, on all of its pages."""
    who = viewer()
    back = local_path(request.form.get("next")) or url_for("mailbox.index")
    try:
        asked = ask(who, request.form.get("view", ""), request.form.get("format", ""))
        steps, octets = jobwork.steps(services().engine, asked, who.accounts, who.user_id)
    except UsageError as error:
        flash(listwords.no_search(error))
        return redirect(back)
    if steps > AT_ONCE_ROWS or octets > AT_ONCE_OCTETS:
        try:
            begin(who, asked, steps)
        except UsageError:
            flash(gettext("Many exports are being made for you already. Wait for one, or cancel one."))
        return redirect(url_for("jobs.page"))
    return _at_once(who, asked, steps)


@blueprint.route("/schema/table.xsd")
def schema() -> Response:
    """The schema of exported XML, for everybody who has such a file."""
    policy.mark(Kind.FILE)
    return Response(SCHEMA.read_bytes(), content_type="application/xml")


def ask(who: Viewer, view_name: str, form: str) -> Asked:
    """What the form asks for, in the columns that this user sees. Raises UsageError."""
    arguments = filtergrammar.arguments_of(request.form)
    with services().transaction() as conn:
        choice = listchoices.find(conn, who.user_id, view_name)
    view = VIEWS.get(view_name)
    columns = tuple(name for name in choice.columns if view and name in {each.name for each in view.columns})
    return described(view_name, form, arguments, columns)


def described(view_name: str, form: str, arguments: dict[str, str], columns: tuple[str, ...]) -> Asked:
    """The export with titles in the reader's language and times on his clock. Raises UsageError."""
    zone = getattr(language.choose_zone(), "key", "")
    if form == MAILING and view_name == _MAILING_VIEW:
        asked = export_list.ask(
            "csv", view_name, arguments, _MAILING_COLUMNS, gettext, zone=zone, byte_order_mark=False
        )
        return replace(asked, titles=_MAILING_TITLES)
    german = language.language() == "de"
    for_excel = form == "csv-excel"
    return export_list.ask(
        "csv" if for_excel else form, view_name, arguments, columns, gettext, language=language.language(),
        zone=zone, semicolon=for_excel and german, byte_order_mark=for_excel,
    )


def begin(who: Viewer, asked: Asked, steps: int) -> int:
    """Have it done as a job; on record first. Raises UsageError when there are too many."""
    wanted = asked.filter
    conditions = (*wanted.conditions, *wanted.within)
    said = [wanted.words, *(listwords.condition(VIEWS[asked.view], each) for each in conditions)]
    number = order(who.user_id, asked, " · ".join(filter(None, said)), steps, on_record).id
    session[WAITS] = True
    return number


def order(user_id: int, asked: Asked, said: str, steps: int, recorded: Callable[..., None]) -> Job:
    """Make the job and put it on record. `said`: what was searched for, for its owner. Raises UsageError."""
    with services().transaction() as conn:
        number = jobs.create(
            conn, user_id, title=f"{asked.title}: {said}" if said else asked.title, parameters=asked.as_json(),
            steps=steps, file_name=file_name(asked), content_type=asked.content_type,
        )
        recorded(conn, "export", f"job {number}", {**asked.as_record(), "count": steps})
        return jobs.get(conn, user_id, number)


def file_name(asked: Asked) -> str:
    """`postbuch-letters-2026-11-26-0005.xlsx`, on the clock of who asked."""
    return f"postbuch-{asked.view}-{local(audit.now(), asked.clock):%Y-%m-%d-%H%M}.{asked.form}"


def _at_once(who: Viewer, asked: Asked, steps: int) -> Response:
    with services().transaction() as conn:
        on_record(conn, "export", asked.view, {**asked.as_record(), "count": steps})
    answer = Response(octets_of(who, asked), content_type=asked.content_type)
    policy.mark(Kind.FILE)
    answer.headers.set("Content-Disposition", "attachment", filename=file_name(asked))
    return answer


def octets_of(who: Viewer, asked: Asked) -> bytes:
    """The file, whole: it is a small one."""
    stream = io.BytesIO()
    with services().engine.connect() as conn:
        if asked.is_table:
            export_list.write_table(conn, stream, asked, who.accounts, who.user_id)
            return stream.getvalue()
        numbers = export_list.letters_of(conn, asked, who.accounts, who.user_id)
    found = Export(services().engine, services().config, who.accounts, numbers)
    head = {"made_at": f"{audit.now().isoformat()}Z", "made_by": who.login, **asked.arguments}
    for piece in exportfile.pieces(asked.form, found, head):
        stream.write(piece)
    return stream.getvalue()
