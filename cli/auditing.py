"""`postbuch audit`: who did what. Reading it is on record before it is shown."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from postbuch.archive import audit as record
from postbuch.archive import auditlog
from postbuch.archive.auditlog import Filter
from postbuch.archive.users import ALL
from postbuch.cli import output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import connect
from postbuch.cli.language import translate as _
from postbuch.cli.options import MAX_LIMIT, ConfigOption, JsonOption, load

DEFAULT_LIMIT = 50


def audit(
    who: Annotated[str, typer.Option(metavar="LOGIN", help=_("Only what this one did; cli:root is the command."))] = "",
    what: Annotated[str, typer.Option(metavar="ACTION", help=_("Only this action, for example view."))] = "",
    target: Annotated[str, typer.Option(help=_('Only on this, for example "letter 12".'))] = "",
    words: Annotated[str, typer.Option(metavar="TEXT", help=_("Only where this text stands."))] = "",
    since: Annotated[str, typer.Option(metavar="DAY", help=_("From this day on, as 2026-01-31."))] = "",
    until: Annotated[str, typer.Option(metavar="DAY", help=_("To the end of this day."))] = "",
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_LIMIT, help=_("At most so many events, newest first."))
    ] = DEFAULT_LIMIT,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Who did what, newest first."""
    wanted = Filter(
        actor=who, action=what, target=target, text=words, since=_midnight(since, 0), until=_midnight(until, 1)
    )
    loaded = load(config)
    with connect(loaded) as connection:
        record.record(connection, actor(), ORIGIN, "audit-read", "audit log", after=wanted.as_record())
    with connect(loaded) as connection:
        found = auditlog.page(connection, wanted, ALL, limit=limit)
    if json:
        events = [{**row, "at": row["at"].isoformat() + "Z"} for row in found.rows]
        output.print_json({"events": events, "more": found.older is not None})
        return
    output.print_table(
        (_("Time"), _("Who"), _("From where"), _("What"), _("On what")),
        [(f"{row['at']:%Y-%m-%d %H:%M:%S} UTC", row["actor"], row["origin"], row["action"], row["target"])
         for row in found.rows],
    )  # fmt: skip
    if what and not found.rows:
        # Imported here: the names come with the pages that show them.
        from postbuch.webmail.actions import NAMES

        if what not in NAMES:
            output.say(_("No action is called '{name}'; there are {names}.").format(name=what, names=", ".join(NAMES)))
    if found.older is not None:
        output.say(_("There are more; --until or a higher --limit shows them."))


def _midnight(day: str, days_later: int) -> datetime | None:
    """Where the day begins on this machine's clock, in UTC."""
    if not day:
        return None
    begins = auditlog.read_day(day) + timedelta(days=days_later)
    return begins.astimezone(UTC).replace(tzinfo=None)
