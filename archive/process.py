"""The archive process: has the spool drained, mailboxes collected and the ledger kept until it is told to end.

Answers no mail program.
"""

import logging
import signal
import threading
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from postbuch.archive import spool
from postbuch.archive.collecting import Collecting, FindLogIn, Trust
from postbuch.archive.config import Config
from postbuch.archive.drains import Drains, DrainState
from postbuch.archive.health import WRITE_EVERY_S, HealthFile, failure, health_path
from postbuch.archive.index_process import Indexing, IndexState
from postbuch.archive.keeping import Keeper, Trouble
from postbuch.archive.reasons import Reason

log = logging.getLogger("postbuch.archive")

# How often a change of the drains' state is looked for; the file is written on a change and every WRITE_EVERY_S.
LOOK_EVERY_S = 0.25


def main(config: Config, trust: Trust, log_in: FindLogIn | None = None) -> int:
    """Run until SIGTERM or SIGINT; what is in hand is finished first. Prints `ready archive` when it has begun.

    `trust` makes the TLS context for an upstream's `ca_file`; `log_in` finds the credential of an account's
    number (default: in the database).
    """
    stop = threading.Event()
    drains = Drains(config)  # before any thread: it forks
    indexing = Indexing(config, drains.ends)  # likewise
    keeper = Keeper(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    health = HealthFile(health_path(config, "archive"))
    collecting = Collecting(config, trust, log_in)
    print("ready archive", flush=True)  # noqa: T201 - the supervisor waits for this line
    keeper.start()
    try:
        _report(health, drains, indexing, keeper, collecting, config, stop)
    finally:
        collecting.stop()
        keeper.stop()
        drains.stop()
        indexing.stop()
        health.remove()
    return 0


def _report(
    health: HealthFile, drains: Drains, indexing: Indexing, keeper: Keeper, collecting: Collecting, config: Config,
    stop: threading.Event,
) -> None:
    """Write the health file until the end. A part that died ends the process: the supervisor starts a new one."""
    last: tuple[Any, ...] = ()
    rounds = 0
    while not stop.is_set():
        if not drains.alive():
            raise RuntimeError("a drain has ended")
        if not collecting.alive():
            raise RuntimeError("the collector has ended")
        if not indexing.alive():
            raise RuntimeError("the indexer's keeper has ended")
        keeper.follow_clock()
        state, failures = drains.state(), collecting.failures() + _ledger_failures(keeper.troubles)
        index = indexing.state()
        now = (state.problem, state.notices, failures, index.problem, index.pid)
        if now != last or rounds % round(WRITE_EVERY_S / LOOK_EVERY_S) == 0:
            facts = _facts(state, index, failures, config)
            waiting = {"attachments": keeper.waiting_attachments, "readings": keeper.waiting_readings}
            health.write({**facts, **{f"{name}_waiting": number for name, number in waiting.items()}})
            last = now
        rounds += 1
        stop.wait(LOOK_EVERY_S)


def _facts(state: DrainState, index: IndexState, others: list[dict[str, Any]], config: Config) -> dict[str, Any]:
    folder = config.data / "spool"
    messages, _ = spool.waiting_counts(folder)
    damaged = len(list((folder / "damaged").glob("*.pbs"))) if (folder / "damaged").is_dir() else 0
    failures = list(others)
    if state.problem is not None:
        at = state.problem_at.replace(tzinfo=UTC).isoformat()
        counted = Reason.DRAIN_WAITS_COUNTED.said(problem=state.problem, messages=messages)
        failures.append(failure("database", "drain-waits", counted, at))
    if index.problem is not None:
        failures.append(failure("search", "index-waits", index.problem, None))
    if damaged:
        words = Reason.SPOOL_DAMAGED.said(folder=folder / "damaged", files=damaged)
        failures.append(failure("spool", "spool-damaged", words, None))
    return {
        "failures": failures,
        "spool": {"waiting_messages": messages},
        "index": {"pid": index.pid, "building": index.building},
        "counters": {"stored": state.stored, "refused": state.refused, "damaged_files": damaged},
    }


def _ledger_failures(troubles: Sequence[Trouble]) -> list[dict[str, Any]]:
    return [
        failure("ledger", each.reason, each.sentence, each.at.replace(tzinfo=UTC).isoformat()) for each in troubles
    ]
