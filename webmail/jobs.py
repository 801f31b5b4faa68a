"""The page of jobs: how far each is, cancel, the file when it is done; and the line that tells that one has ended."""

from pathlib import Path

from flask import Blueprint, Response, flash, redirect, render_template, send_file, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive import jobs, said
from postbuch.archive.jobs import Job
from postbuch.archive.reasons import Work
from postbuch.webmail import folders, policy
from postbuch.webmail.export_list import WAITS
from postbuch.webmail.language import gettext, lazy_gettext
from postbuch.webmail.listing import Listing
from postbuch.webmail.policy import Kind
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer

blueprint = Blueprint("jobs", __name__)
STATES = {
    jobs.WAITING: lazy_gettext("waits"), jobs.RUNNING: lazy_gettext("is being made"),
    jobs.DONE: lazy_gettext("ready"), jobs.FAILED: lazy_gettext("failed"),
    jobs.CANCELLED: lazy_gettext("cancelled"), jobs.EXPIRED: lazy_gettext("file removed after a week"),
}


def reason(job: Job) -> str:
    """Why it failed, as one of our sentences that `told` translates."""
    return said.understood(job.reason, Work)


@blueprint.route("/jobs")
@login_required
def page() -> str:
    """One's own exports, newest first."""
    who = viewer()
    with services().transaction() as conn:
        on_record(conn, "job-list", "jobs")
        found = jobs.listed(conn, who.user_id)
        jobs.untold(conn, who.user_id)  # who looks at the page knows
        side = folders.sidebar(conn, who, Listing())
    return render_template(
        "jobs.html", sidebar=side, listing=Listing(), jobs=found, states=STATES, reason=reason,
    )


@blueprint.route("/jobs/part")
@login_required
def part() -> str:
    """The list alone, which the page asks for every few seconds while something is being made."""
    with services().transaction() as conn:
        found = jobs.listed(conn, viewer().user_id)
        jobs.untold(conn, viewer().user_id)
    return render_template("jobs_part.html", jobs=found, states=STATES, reason=reason)


@blueprint.route("/jobs/news")
@login_required
def news() -> str | Response:
    """Whether one has ended; asked by every page while something is being made."""
    with services().transaction() as conn:
        ended, others = jobs.untold(conn, viewer().user_id)
    if not others:
        session.pop(WAITS, None)
    if not ended and others:
        return Response(status=204)
    return render_template("jobs_news.html", ended=ended, done=jobs.DONE, others=others)


@blueprint.route("/jobs/<int:job_id>/cancel", methods=["POST"])
@login_required
def cancel(job_id: int) -> BaseResponse:
    """End it. Raises NotFound for what is none of one's own."""
    who = viewer()
    with services().transaction() as conn:
        jobs.get(conn, who.user_id, job_id)
        if jobs.cancel(conn, who.user_id, job_id):
            on_record(conn, "job-cancel", f"job {job_id}")
            flash(gettext("The export was cancelled."))
        else:
            flash(gettext("It had ended already."))
    return redirect(url_for("jobs.page"))


@blueprint.route("/jobs/<int:job_id>/file")
@login_required
def file(job_id: int) -> BaseResponse:
    """The result. Raises NotFound."""
    who = viewer()
    with services().transaction() as conn:
        found, path = jobs.finished(conn, services().config, who.user_id, job_id)
        on_record(conn, "job-download", f"job {job_id}")
    return sent(found, path)


def sent(job: Job, path: Path) -> BaseResponse:
    """The result of a job as a file."""
    policy.mark(Kind.FILE)
    return send_file(
        path, mimetype=job.content_type, as_attachment=True, download_name=job.file_name, conditional=False, etag=False,
        max_age=0,
    )
