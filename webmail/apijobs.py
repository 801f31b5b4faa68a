"""Exports for programs: ask for one, see how far it is, cancel it, fetch the file."""

from typing import Any

from postbuch.archive import export_list, filtergrammar, jobs, jobwork
from postbuch.archive.apikeys import CONTENT, EXPORTS
from postbuch.archive.export_list import Asked
from postbuch.archive.export_table import Form
from postbuch.archive.jobs import Job
from postbuch.webmail import apischemas
from postbuch.webmail.apiaccess import asker, with_key
from postbuch.webmail.apiletters import plain, use_clock
from postbuch.webmail.apiroutes import Routes
from postbuch.webmail.export_list import order
from postbuch.webmail.jobs import sent
from postbuch.webmail.services import services
from postbuch.webmail.titles import titles

blueprint = Routes("api_jobs", __name__, description="Exports")
_TYPES = (*(form.content_type for form in Form), *export_list.MESSAGE_FORMS.values())
_OCTETS = {"type": "string", "format": "binary"}
# What comes as JSON is read as it and is no text.
_FILE = {"200": {"content": {each: {"schema": {} if each == Form.JSON.content_type else _OCTETS} for each in _TYPES},
                 "description": "The file"}}  # fmt: skip


@blueprint.route("/exports", methods=["POST"], operation="orderExport")
@with_key(EXPORTS)
@blueprint.arguments(apischemas.ExportOrder)
@blueprint.response(202, apischemas.Job)
def export(wanted: dict[str, Any]) -> Any:
    """Have a list exported; the answer is a job whose file is there when its state is `done`."""
    who = asker()
    use_clock(wanted)
    asked = export_list.ask(
        wanted["format"], wanted["view"], filtergrammar.arguments_of(wanted), tuple(wanted["columns"]),
        titles(wanted["language"]), language=wanted["language"], zone=wanted["tz"], semicolon=wanted["semicolon"],
        byte_order_mark=wanted["byte_order_mark"],
    )
    _may_take(asked)
    steps, _ = jobwork.steps(services().engine, asked, who.accounts, who.user_id)
    return _facts(order(who.user_id, asked, wanted["q"], steps, who.on_record))


@blueprint.route("/jobs", operation="listJobs")
@with_key(EXPORTS)
@blueprint.arguments(apischemas.JobsQuery, location="query")
@blueprint.response(200, apischemas.Job(many=True))
def listed(wanted: dict[str, Any]) -> Any:
    """One's jobs, newest first."""
    with services().transaction() as conn:
        asker().on_record(conn, "job-list", "jobs")
        found = jobs.listed(conn, asker().user_id, wanted["limit"], wanted["before_id"])
    since = wanted["since_id"]
    return [_facts(each) for each in found if since is None or each.id > since]


@blueprint.route("/jobs/<int:job_id>", operation="getJob")
@with_key(EXPORTS)
@blueprint.response(200, apischemas.Job)
def one(job_id: int) -> Any:
    """How far it is."""
    with services().transaction() as conn:
        return _facts(jobs.get(conn, asker().user_id, job_id))


@blueprint.route("/jobs/<int:job_id>", methods=["DELETE"], operation="cancelJob")
@with_key(EXPORTS)
@blueprint.response(200, apischemas.Job)
def cancel(job_id: int) -> Any:
    """End it, when it has not ended."""
    with services().transaction() as conn:
        jobs.get(conn, asker().user_id, job_id)
        if jobs.cancel(conn, asker().user_id, job_id):
            asker().on_record(conn, "job-cancel", f"job {job_id}")
        return _facts(jobs.get(conn, asker().user_id, job_id))


@blueprint.route("/jobs/<int:job_id>/file", operation="getJobFile")
@with_key(EXPORTS)
@blueprint.doc(responses=_FILE)
def file(job_id: int) -> Any:
    """The result."""
    with services().transaction() as conn:
        found, path = jobs.finished(conn, services().config, asker().user_id, job_id)
        _may_take(export_list.from_json(found.parameters))
        asker().on_record(conn, "job-download", f"job {job_id}")
    return sent(found, path)


def _may_take(asked: Asked) -> None:
    """Messages in one file are messages: a key that may not fetch one fetches no thousand. Raises ScopeMissing."""
    if not asked.is_table:
        asker().need(CONTENT)


def _facts(job: Job) -> dict[str, Any]:
    names = ("id", "title", "state", "steps", "reason", "file_name", "content_type", "size_octets")
    times = ("made_at", "ended_at", "expires_at")
    return {
        **{name: getattr(job, name) for name in names}, "done": job.steps_done,
        **{name: plain(getattr(job, name)) for name in times},
    }  # fmt: skip
