"""For auditors and admins: the record of who did what. Reading it and taking it out is itself on record."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, stream_with_context, url_for

from postbuch.archive import auditlog, csvtext
from postbuch.archive.auditlog import Filter, Place
from postbuch.archive.errors import UsageError
from postbuch.archive.letters import Cursor
from postbuch.archive.users import ALL
from postbuch.archive.wrong import Wrong
from postbuch.webmail import actions, folders, language, listing, targets
from postbuch.webmail.language import gettext
from postbuch.webmail.listing import Listing
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import Viewer, login_required, viewer

blueprint = Blueprint("audit", __name__)
TARGET = "audit log"
# A value on the page; whole it stands in the CSV.
MAX_VALUE_CHARACTERS = 200
_LETTER = re.compile(r"letter ([0-9]{1,18})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the address asks for, as it stands in the form. `problem` names what cannot be understood in it."""

    fields: dict[str, str]
    wanted: Filter
    before: Place | None
    problem: str

    @property
    def scope(self) -> dict[str, str]:
        """The arguments without the place."""
        return {name: text for name, text in self.fields.items() if text}


@blueprint.route("/audit")
@login_required
def page() -> str:
    """One page of the record, newest first."""
    who, asked = _may_read(), _asked(request.args)
    with services().transaction() as conn:
        on_record(conn, "audit-read", TARGET, asked.wanted.as_record())
    with services().transaction() as conn:
        found = auditlog.page(conn, asked.wanted, who.accounts, before=asked.before)
        side = folders.sidebar(conn, who, Listing())
    kinds = sorted(((kind, actions.name(kind)) for kind in actions.NAMES), key=lambda pair: pair[1].lower())
    scope: dict[str, Any] = {**asked.scope, "before": found.older and _written(found.older)}
    older = url_for("audit.page", **scope) if found.older else None
    return render_template(
        "audit.html", sidebar=side, listing=Listing(), asked=asked, kinds=kinds, older=older, found=found,
        rows=[{**row, "changes": _changes(row), "letter": _letter(who, row)} for row in found.rows],
        name=actions.name, target_name=targets.name, pieces=targets.pieces,
    )


@blueprint.route("/audit.csv")
@login_required
def export() -> Response:
    """All events that are asked for, with whole values and times in UTC."""
    who, asked = _may_read(), _asked(request.args)
    if asked.problem:
        abort(400)
    with services().transaction() as conn:
        on_record(conn, "audit-export", TARGET, asked.wanted.as_record())
    with services().transaction() as conn:
        upto = auditlog.newest(conn)
    lines = csvtext.lines(_table(who, asked.wanted, upto), semicolon=language.language() == "de")
    answer = Response(stream_with_context(lines), content_type="text/csv; charset=utf-8")
    answer.headers.set("Content-Disposition", "attachment", filename="audit.csv")
    return answer


def _may_read() -> Viewer:
    who = viewer()
    if not who.oversees:
        abort(403)
    return who


def _asked(arguments: Mapping[str, str]) -> Asked:
    names = ("who", "what", "target", "words", "from", "to")
    fields = {name: arguments.get(name, "").strip()[: auditlog.MAX_TEXT_CHARACTERS] for name in names}
    problem, since, until = "", None, None
    try:
        since = _midnight(fields["from"], 0)
        until = _midnight(fields["to"], 1)
    except UsageError:
        problem = gettext("A day is written like 2026-01-31.")
    wanted = Filter(
        actor=fields["who"], action=fields["what"], target=targets.recorded(fields["target"]), text=fields["words"],
        since=since, until=until,
    )
    place = listing.parse_cursor(arguments.get("before", ""))
    before = None if place is None else Place(at=place.sort_at, id=place.letter_id)
    return Asked(fields=fields, wanted=wanted, before=before, problem=problem)


def _midnight(day: str, days_later: int) -> datetime | None:
    """Where the day begins on the reader's clock, in UTC."""
    if not day:
        return None
    try:
        return language.to_utc(auditlog.read_day(day) + timedelta(days=days_later))
    except OverflowError:
        raise UsageError(Wrong.NO_DAY.said(text=day)) from None


def _written(place: Place) -> str:
    return listing.write_cursor(Cursor(sort_at=place.at, letter_id=place.id))


def _table(who: Viewer, wanted: Filter, upto: Place) -> Iterator[tuple[object, ...]]:
    yield (
        gettext("Number"), gettext("Time (UTC)"), gettext("Who"), gettext("From where"), gettext("What"),
        gettext("On what"), gettext("Before"), gettext("After"),
    )
    with services().transaction() as conn:
        for row in auditlog.everything(conn, wanted, who.accounts, upto):
            values = (None if row[side] is None else _json(row[side]) for side in ("before", "after"))
            yield row["id"], row["at"].isoformat(), row["actor"], row["origin"], row["action"], row["target"], *values


def _changes(row: Mapping[str, Any]) -> list[tuple[str, str | None, str | None]]:
    """Name, value before and after of each thing that the event tells; None where there is none, or no other."""
    before, after = row["before"] or {}, row["after"] or {}
    return [
        (
            targets.value_name(name),
            _short(before[name]) if name in before and before[name] != after.get(name) else None,
            _short(after[name]) if name in after else None,
        )
        for name in dict.fromkeys((*before, *after))
    ]


def _short(value: object) -> str:
    if isinstance(value, dict):
        value = [f"{targets.value_name(name)} {_short(each)}" for name, each in value.items()]
    if isinstance(value, list):
        value = ", ".join(map(str, value)) or "–"
    if value is None:
        return "–"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    text = value if isinstance(value, str) else _json(value)
    return text if len(text) <= MAX_VALUE_CHARACTERS else text[:MAX_VALUE_CHARACTERS] + "…"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _letter(who: Viewer, row: Mapping[str, Any]) -> str | None:
    """Where the letter of the event is, for those who may read every letter."""
    found = _LETTER.match(row["target"] or "") if who.accounts == ALL else None
    return found and url_for("letter.show", letter_id=int(found[1]))
