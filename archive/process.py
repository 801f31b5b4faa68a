"""The archive process: drains the spool until it is told to end. Never answers a mail program."""

import logging
import signal
import sys
import threading
from datetime import UTC
from typing import Any

from postbuch.archive import database, spool
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.drain import Drain
from postbuch.archive.health import WRITE_EVERY_S, HealthFile, health_path
from postbuch.archive.objects import ObjectStore

log = logging.getLogger("postbuch.archive")

# How often a change of the drain's state is looked for; the file is written on a change and every WRITE_EVERY_S.
LOOK_EVERY_S = 0.25
SWITCH_S = 0.0005


def main(config: Config) -> int:
    """Run until SIGTERM or SIGINT; what is in hand is finished first. Prints `ready archive` when it has begun."""
    # A worker that waits for the database gets the interpreter back soon, not after 5 ms for each answer.
    sys.setswitchinterval(SWITCH_S)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder = config.data / "spool"
    engine = database.engine(config, Role.INGEST)
    drain = Drain(engine, folder, ObjectStore(config.data))
    health = HealthFile(health_path(config, "archive"))
    worker = threading.Thread(target=drain.run, args=(stop,), name="drain")
    worker.start()
    print("ready archive", flush=True)  # noqa: T201 - the supervisor waits for this line
    try:
        _report(health, drain, config, stop, worker)
    finally:
        stop.set()
        worker.join()
        engine.dispose()
        health.remove()
    return 0


def _report(
    health: HealthFile, drain: Drain, config: Config, stop: threading.Event, worker: threading.Thread
) -> None:
    """Write the health file until the end. A drain that died ends the process: the supervisor starts a new one."""
    last: tuple[Any, ...] = ()
    rounds = 0
    while not stop.is_set():
        if not worker.is_alive():
            raise RuntimeError("the drain has ended")
        state = (drain.problem, len(drain.notices))
        if state != last or rounds % round(WRITE_EVERY_S / LOOK_EVERY_S) == 0:
            health.write(_facts(drain, config))
            last = state
        rounds += 1
        stop.wait(LOOK_EVERY_S)


def _facts(drain: Drain, config: Config) -> dict[str, Any]:
    folder = config.data / "spool"
    messages, _ = spool.waiting_counts(folder)
    damaged = len(list((folder / "damaged").glob("*.pbs"))) if (folder / "damaged").is_dir() else 0
    failures: list[dict[str, Any]] = []
    if drain.problem is not None:
        at = drain.problem_at.replace(tzinfo=UTC).isoformat()
        failures.append(_failure("database", "drain-waits", f"{drain.problem} ({messages} messages)", at))
    if damaged:
        words = f"{folder / 'damaged'}: {damaged} spool files were set aside; the .reason beside each says why"
        failures.append(_failure("spool", "spool-damaged", words, None))
    return {
        "failures": failures,
        "spool": {"waiting_messages": messages},
        "counters": {"stored": drain.stored, "refused": drain.refused, "damaged_files": damaged},
    }


def _failure(leg: str, reason: str, sentence: str, at: str | None) -> dict[str, Any]:
    return {"account": None, "leg": leg, "reason": reason, "sentence": sentence, "at": at, "answered": False}
