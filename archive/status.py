"""How the archive is doing: the books, what waits, what failed, in plain sentences (invariant 8).

Works while the database is down: what the processes said last stands in their health files.
"""

from typing import Any

from sqlalchemy import Connection, Select, Table, func, select

from postbuch.archive import access, collect_choice, completeness, index_reader, said, setup
from postbuch.archive.completeness import Standing
from postbuch.archive.config import Config
from postbuch.archive.database import Role, connection
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.health import read_all, said_in
from postbuch.archive.reasons import Reason
from postbuch.archive.said import Said, told_of
from postbuch.archive.schema import account, gap, image, letter, refusal, sighting, spool_file
from postbuch.archive.spool import waiting_counts
from postbuch.archive.spoolroom import full_disk

# The order in which listeners and failures are told.
PROCESSES = ("proxy", "archive", "webmail", "ftps")


def status(config: Config) -> dict[str, Any]:
    """interface.md's keys, plus `books`, `processes` and `sentences` (what is wrong; empty when nothing is).

    Counts are None when the database does not answer. Does not start a database server.
    """
    health = read_all(config)
    messages, events = waiting_counts(config.data / "spool")
    writable = all(facts.get("spool", {}).get("writable", True) for facts in health.values())
    found: dict[str, Any] = {
        "images": None, "sightings": None, "letters": None, "gaps": None, "refusals": None, "index_lag": None,
        "spool": messages, "spool_events": events, "spool_writable": writable,
        **{name: health.get("archive", {}).get(name) for name in ("attachments_waiting", "readings_waiting")},
        "accounts": [],
        "listeners": [each for name in PROCESSES for each in health.get(name, {}).get("listeners", [])],
        "processes": {
            name: bool(health.get(name, {}).get("alive")) for name in PROCESSES if name != "ftps" or config.ftps.listen
        },
        "failures": [each for name in PROCESSES for each in health.get(name, {}).get("failures", [])],
        "books": None,
    }
    incomplete: list[str] = []
    database_problem = ""
    rights: dict[str, str] = {}
    try:
        with connection(config, Role.WEB) as conn:
            found |= _counts(conn)
            standings = {each.account: each for each in completeness.look(conn)}
            found["accounts"] = _accounts(conn, found["failures"], standings)
            incomplete = [each.sentence for each in standings.values() if each.sentence]
            found["books"] = books(conn)
        rights = access.told(config)
    except ServiceMissing as error:
        database_problem = Reason.NOT_ASKED.said(problem=said.of(error))
    found["sentences"] = _sentences(found, incomplete, database_problem, setup.warning(config))
    found["sentences"] += rights.values()
    # Asked of the disk itself: on a full one no process can write what it has to say.
    full = full_disk(config.data / "spool")
    if full and not any(told_of(each, Reason.SPOOL_FULL.name.lower()) for each in found["sentences"]):
        found["sentences"].append(full)
    return found


def problems(sentences: list[str]) -> list[dict[str, Any]]:
    """The sentences for programs: each with the name of its reason and its details."""
    return [
        {"reason": each.reason, "sentence": each, "details": each.details} if isinstance(each, Said)
        else {"reason": None, "sentence": each, "details": {}}
        for each in sentences
    ]  # fmt: skip


def books(conn: Connection) -> dict[str, Any]:
    """seen = stored + further sightings of stored images + refused.

    `seen` is what those who captured counted: the names of the drained spool files, and what the proxy refused at
    once. The other side is counted in the tables that the messages went to.
    """
    row = conn.execute(select(*(  # one statement, so at one moment: messages come meanwhile
        query.scalar_subquery() for query in (
            select(func.coalesce(func.sum(spool_file.c.messages), 0)),
            _counting(refusal).where(refusal.c.spooled.is_(False)),
            _counting(image), _counting(sighting), _counting(refusal),
        )
    ))).one()  # fmt: skip
    spooled, at_once, stored, sightings, refused = map(int, row)
    seen, further = spooled + at_once, sightings - stored
    return {
        "seen": seen, "stored": stored, "further": further, "refused": refused,
        "balanced": seen == stored + further + refused,
    }


def _counts(conn: Connection) -> dict[str, Any]:
    tables = {"images": image, "sightings": sighting, "letters": letter, "gaps": gap, "refusals": refusal}
    found = {name: int(conn.scalar(_counting(table)) or 0) for name, table in tables.items()}
    look = index_reader.of(conn)
    return {**found, "index_lag": max(found["letters"] - (look.letters() if look else 0), 0)}


def _counting(table: Table) -> Select[Any]:
    return select(func.count()).select_from(table)


def _accounts(
    conn: Connection, failures: list[dict[str, Any]], standings: dict[str, Standing]
) -> list[dict[str, Any]]:
    """Per account: what was seen, gaps, refusals, when last, its last failure, the collector, whether all is here."""
    collected = {each["id"]: each for each in collect_choice.progress(conn)}
    seen = {
        row.account_id: row
        for row in conn.execute(
            select(sighting.c.account_id, func.count().label("sightings"), func.max(sighting.c.seen_at).label("last"))
            .group_by(sighting.c.account_id)
        )
    }
    lost: dict[str, dict[int, int]] = {
        name: {
            row[0]: row[1]
            for row in conn.execute(select(table.c.account_id, func.count()).group_by(table.c.account_id))
        }
        for name, table in (("gaps", gap), ("refusals", refusal))
    }
    last = {each["account"]: each["sentence"] for each in failures if each.get("account")}
    found = []
    for row in conn.execute(select(account).order_by(account.c.address)):
        facts = seen.get(row.id)
        found.append({
            "account": row.address, "upstream": row.upstream, "active": bool(row.active),
            "sightings": facts.sightings if facts else 0,
            "gaps": lost["gaps"].get(row.id, 0), "refusals": lost["refusals"].get(row.id, 0),
            "last_seen": facts.last.isoformat() + "Z" if facts else None, "failure": last.get(row.address),
            "collector": _collected(collected.get(row.id)),
            "completeness": standings[row.address].as_json() if row.address in standings else None,
        })
    return found


def _collected(one: dict[str, Any] | None) -> dict[str, Any] | None:
    """The collector's part of an account; None when the account is not in use."""
    if one is None:
        return None
    names = ("state", "mailboxes", "listed", "archived", "incomplete", "wanted", "fetched", "total_fetched",
             "octets_received", "octets_archived", "failure")  # fmt: skip
    finished = one["finished_at"]
    return {**{name: one[name] for name in names}, "finished_at": finished and finished.isoformat() + "Z"}


def _sentences(found: dict[str, Any], incomplete: list[str], database_problem: str, warning: str) -> list[str]:
    # Accounts that are not complete are said one by one, as they are now, if the database could be asked.
    told = {f"keeping-{completeness.JOB}"} if not database_problem else set()
    sentences = [said_in(each) for each in found["failures"] if each["reason"] not in told] + incomplete
    if found["processes"]["proxy"] is False and any(found["processes"].values()):
        sentences.append(Reason.PROXY_NOT_RUNNING.said())
    if database_problem:
        # What waits for it says so as well, each for itself.
        silent = Reason.DATABASE_SILENT.name.lower()
        sentences = [*(each for each in sentences if not told_of(each, silent)), database_problem]
    if found["books"] and not found["books"]["balanced"]:
        sentences.append(Reason.BOOKS_DO_NOT_BALANCE.said())
    if warning:
        sentences.append(warning)
    return list(dict.fromkeys(sentences))
