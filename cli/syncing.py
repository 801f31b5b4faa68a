"""`postbuch sync`: collect from the provider now, see how far it is, pause it."""

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy import Engine

from postbuch.archive import accounts, audit, collect_choice, collecting, database, said
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.drain import Drain
from postbuch.archive.errors import UsageError
from postbuch.archive.health import read_all
from postbuch.archive.objects import ObjectStore
from postbuch.archive.reasons import Collecting
from postbuch.archive.spool import waiting
from postbuch.archive.systemwords import System
from postbuch.certs.trust import client_context
from postbuch.cli import output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import running
from postbuch.cli.language import tell
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load

LOOK_EVERY_S = 0.5
# Number of an account → its progress before something was asked for.
Before = dict[int, dict[str, Any]]
# What was fetched last is in the database after this, or the database is not well.
DRAIN_PATIENCE_S = 300.0


def sync(
    account: Annotated[str, typer.Option(metavar="ADDRESS", help=_("Only this account."))] = "",
    once: Annotated[bool, typer.Option("--once", help=_("End when all mailboxes are complete."))] = False,
    pause: Annotated[bool, typer.Option("--pause", help=_("Collect nothing more until --resume."))] = False,
    resume: Annotated[bool, typer.Option("--resume", help=_("Collect again after --pause."))] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Exit code 1 when an account is not complete."""
    if pause and resume:
        raise UsageError(_("--pause and --resume are opposites: give one of them"))
    loaded = load(config)
    with running(loaded):
        before = _ask(loaded, account, pause=pause, resume=resume)
        if not (pause or resume):
            _follow(loaded, before, once=once, shown=not json)
        with database.connection(loaded, Role.WEB) as conn:
            found = collect_choice.progress(conn, list(before))
    complete = all(_is_complete(each) for each in found)
    if json:
        output.print_json({"complete": complete, "accounts": [_public(each) for each in found]})
    else:
        _print(found)
    raise typer.Exit(0 if complete or pause or resume else 1)


def _ask(config: Config, address: str, *, pause: bool, resume: bool) -> Before:
    """Write down what is wanted; of which accounts, and what was told of them before."""
    with database.connection(config, Role.WEB) as conn:
        if address:
            owners = [accounts.number_of(conn, address)]
        else:
            owners = [each["id"] for each in accounts.list_accounts(conn) if each["active"]]
        before = {each["id"]: each for each in collect_choice.progress(conn, owners)}
        verb = "collect-pause" if pause else "collect-resume" if resume else "collect"
        audit.record(conn, actor(), ORIGIN, verb, f"account {address.lower()}" if address else "all accounts")
        if pause:
            collect_choice.pause(conn, owners, actor())
        elif resume:
            collect_choice.resume(conn, owners)
        else:
            collect_choice.ask(conn, owners)
    return before


def _follow(config: Config, before: Before, *, once: bool, shown: bool) -> None:
    """Show the progress: of the archive process when it runs, else of a collector here."""
    with output.Bars(shown=shown) as bars:
        if read_all(config).get("archive", {}).get("alive"):
            for found in _looks(config, list(before)):
                _show(bars, found)
                if all(is_settled(each, before[each["id"]]) for each in found):
                    return
        else:
            _collect_here(config, list(before), bars, once=once)


def _collect_here(config: Config, owners: list[int], bars: output.Bars, *, once: bool) -> None:
    with database.pool(config, Role.INGEST) as engine:
        _collect_and_drain(config, engine, owners, bars, once=once)


def _collect_and_drain(config: Config, engine: Engine, owners: list[int], bars: output.Bars, *, once: bool) -> None:
    stop, ended = threading.Event(), threading.Event()
    drain = Drain(engine, config.data / "spool", ObjectStore(config.data))
    draining = threading.Thread(target=drain.run, args=(ended,), name="drain")
    draining.start()
    try:
        with collecting.collector(
            config, client_context, only=frozenset(owners), once=once
        ) as made:
            working = threading.Thread(target=made.run, args=(stop,), name="collector")
            working.start()
            try:
                for found in _looks(config, owners):
                    _show(bars, found)
                    if not working.is_alive():
                        break
            finally:
                stop.set()
                working.join()
        end = time.monotonic() + DRAIN_PATIENCE_S
        while waiting(config.data / "spool") and time.monotonic() < end:
            time.sleep(LOOK_EVERY_S / 5)
    finally:
        ended.set()
        draining.join()


def _looks(config: Config, owners: list[int]) -> Iterator[list[dict[str, Any]]]:
    while True:
        with database.connection(config, Role.WEB) as conn:
            yield collect_choice.progress(conn, owners)
        time.sleep(LOOK_EVERY_S)


def _show(bars: output.Bars, found: list[dict[str, Any]]) -> None:
    for each in found:
        total = each["wanted"] if each["state"] == "working" else each["fetched"]
        bars.show(each["address"], each["fetched"] or 0, total or 0, _state(each["state"]))


def is_settled(one: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether the process that collects it has answered since `before`, by whatever clock: it may have been set."""
    if one["state"] in ("paused", "none", "no-credential"):
        return True
    told = "finished_at" if one["state"] == "idle" and not one["failure"] else "told_at"
    return one["state"] in ("idle", "failing") and one[told] is not None and one[told] != before[told]


def _is_complete(one: dict[str, Any]) -> bool:
    return one["state"] == "none" or (one["state"] == "idle" and not one["failure"] and not one["incomplete"])


def _public(one: dict[str, Any]) -> dict[str, Any]:
    names = (
        "state", "began_at", "finished_at", "wanted", "fetched", "mailboxes", "listed", "archived", "incomplete",
        "total_fetched", "octets_received", "octets_archived", "failure", "retry_at",
    )  # fmt: skip
    times = {name: one[name].isoformat() + "Z" for name in names if isinstance(one[name], datetime)}
    return {"account": one["address"], **{name: one[name] for name in names}, **times}


def _print(found: list[dict[str, Any]]) -> None:
    titles = (_("Account"), _("State"), _("Mailboxes"), _("At the provider"), _("Archived"), _("Octets per octet"))
    output.print_table(titles, [
        (
            each["address"], _state(each["state"]), each["mailboxes"], each["listed"], each["archived"],
            f"{each['octets_received'] / each['octets_archived']:.2f}" if each["octets_archived"] else "",
        )
        for each in found
    ])  # fmt: skip
    for each in found:
        if each["failure"]:
            output.say_problem(f"{each['address']}: {tell(said.understood(each['failure'], Collecting, System))}")


def _state(state: str) -> str:
    words = {
        "waiting": _("waits"), "working": _("is collected"), "idle": _("complete"), "failing": _("fails"),
        "paused": _("paused"), "none": _("is not collected"), "no-credential": _("no password known"),
    }  # fmt: skip
    return words.get(state, state)
