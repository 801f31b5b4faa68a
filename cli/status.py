"""`postbuch status`: do the books balance, does everything run, and if not, what is wrong in plain sentences."""

from typing import Any

import typer

from postbuch.archive.status import problems
from postbuch.archive.status import status as archive_status
from postbuch.certs.expiry import expiries
from postbuch.cli import output
from postbuch.cli.language import tell
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load


def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Exit code 1 when something is wrong."""
    loaded = load(config)
    facts = archive_status(loaded)
    certificates = expiries(loaded)
    facts["certificates"] = [each.as_json() for each in certificates]
    facts["sentences"] = [*facts["sentences"], *(each.sentence for each in certificates if each.sentence)]
    if json:
        facts["problems"] = problems(facts["sentences"])
        output.print_json(facts)
    else:
        _print(facts)
    raise typer.Exit(1 if facts["sentences"] else 0)


def _print(facts: dict[str, Any]) -> None:
    books = facts["books"]
    numbers = (
        (_("Letters"), facts["letters"]),
        (_("Images (distinct messages)"), facts["images"]),
        (_("Sightings"), facts["sightings"]),
        (_("Waiting in the spool"), _waiting(facts["spool"])),
        (_("Not in the index of the search yet"), facts["index_lag"]),
        (_("Attachments waiting to be read for the search"), facts["attachments_waiting"]),
        (_("Older messages to look through for files within others"), facts["readings_waiting"]),
        (_("Gaps"), facts["gaps"]),
        (_("Refused"), facts["refusals"]),
    )
    for label, value in numbers:
        output.print_fact(label, _("not known") if value is None else value)
    if books:
        text = _("seen {seen} = stored {stored} + further sightings {further} + refused {refused}")
        output.print_mark(bool(books["balanced"]), _("Books"), text.format(**books))
    for each in facts["accounts"]:
        if each["completeness"] is not None:
            _print_account(each["account"], each["completeness"])
    for listener in facts["listeners"]:
        output.print_fact(_("Listens"), f"{listener['name']} {listener['address']}")
    for certificate in facts["certificates"]:
        if certificate["days_left"] is not None:
            days = _("good for {days} days").format(days=certificate["days_left"])
            output.print_fact(_("certificate {name}").format(name=certificate["name"]), days)
    for sentence in facts["sentences"]:
        output.say_problem(tell(sentence))
    if not facts["sentences"]:
        output.say(_("Nothing is wrong."))


def _print_account(address: str, one: dict[str, Any]) -> None:
    words = {
        "complete": _("complete"), "working": _("being collected"), "missing": _("messages are missing"),
        "late": _("not found complete for too long"), "unknown": _("no password known: only what passes is archived"),
        "paused": _("paused"), "left-out": _("is not collected"),
    }  # fmt: skip
    text = words[one["verdict"]]
    if one["mailboxes"]:
        count = _("{archived} of {messages} messages in {mailboxes} mailboxes")
        text += ", " + count.format(**one | {"mailboxes": len(one["mailboxes"])})
    if one["complete_at"]:
        text += ", " + _("last complete at {time}").format(time=one["complete_at"][:16].replace("T", " ") + " UTC")
    if one["octets_per_octet"] is not None:
        text += ", " + _("{ratio} octets fetched for each archived").format(ratio=f"{one['octets_per_octet']:.2f}")
    output.print_mark(one["verdict"] not in ("missing", "late"), address, text)


def _waiting(spool: Any) -> Any:
    return spool.get("waiting_messages") if isinstance(spool, dict) else spool
