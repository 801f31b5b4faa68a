"""The archive process: has the spool drained and the ledger kept until it is told to end. Answers no mail program."""

import logging
import signal
import threading
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from postbuch.archive import spool
from postbuch.archive.config import Config
from postbuch.archive.drains import Drains, DrainState
from postbuch.archive.health import WRITE_EVERY_S, HealthFile, health_path
from postbuch.archive.keeping import Keeper, Trouble

log = logging.getLogger("postbuch.archive")

# How often a change of the drains' state is looked for; the file is written on a change and every WRITE_EVERY_S.
LOOK_EVERY_S = 0.25


def main(config: Config) -> int:
    """Run until SIGTERM or SIGINT; what is in hand is finished first. Prints `ready archive` when it has begun."""
    stop = threading.Event()
    drains = Drains(config)
    keeper = Keeper(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    health = HealthFile(health_path(config, "archive"))
    print("ready archive", flush=True)  # noqa: T201 - the supervisor waits for this line
    keeper.start()
    try:
        _report(health, drains, keeper, config, stop)
    finally:
        keeper.stop()
        drains.stop()
        health.remove()
    return 0


def _report(health: HealthFile, drains: Drains, keeper: Keeper, config: Config, stop: threading.Event) -> None:
    """Write the health file until the end. A drain that died ends the process: the supervisor starts a new one."""
    last: tuple[Any, ...] = ()
    rounds = 0
    while not stop.is_set():
        if not drains.alive():
            raise RuntimeError("a drain has ended")
        state = drains.state()
        now = (state.problem, state.notices, keeper.troubles)
        if now != last or rounds % round(WRITE_EVERY_S / LOOK_EVERY_S) == 0:
            health.write(_facts(state, keeper.troubles, config))
            last = now
        rounds += 1
        stop.wait(LOOK_EVERY_S)


def _facts(state: DrainState, troubles: Sequence[Trouble], config: Config) -> dict[str, Any]:
    folder = config.data / "spool"
    messages, _ = spool.waiting_counts(folder)
    damaged = len(list((folder / "damaged").glob("*.pbs"))) if (folder / "damaged").is_dir() else 0
    failures: list[dict[str, Any]] = []
    if state.problem is not None:
        at = state.problem_at.replace(tzinfo=UTC).isoformat()
        failures.append(_failure("database", "drain-waits", f"{state.problem} ({messages} messages)", at))
    if damaged:
        words = f"{folder / 'damaged'}: {damaged} spool files were set aside; the .reason beside each says why"
        failures.append(_failure("spool", "spool-damaged", words, None))
    failures += [
        _failure("ledger", each.reason, each.sentence, each.at.replace(tzinfo=UTC).isoformat()) for each in troubles
    ]
    return {
        "failures": failures,
        "spool": {"waiting_messages": messages},
        "counters": {"stored": state.stored, "refused": state.refused, "damaged_files": damaged},
    }


def _failure(leg: str, reason: str, sentence: str, at: str | None) -> dict[str, Any]:
    return {"account": None, "leg": leg, "reason": reason, "sentence": sentence, "at": at, "answered": False}
