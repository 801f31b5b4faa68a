"""The drains of the archive process: child processes that work side by side on the spool's files.

A process each, because one interpreter runs on one processor; the parent keeps its own for what else it does. A child
ends with its parent, however that ends: the kernel closes the pipe between them.
"""

import gc
import multiprocessing
import os
import signal
import sys
import threading
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection

from postbuch.archive import audit, database
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.drain import Drain
from postbuch.archive.objects import ObjectStore

# One for each of two processors, the smallest machine that is asked for; each has a parser child beside it.
COUNT = 2
# How often a child looks whether it has something new to tell.
TELL_EVERY_S = 0.25
# A thread that waits for the database gets the interpreter back soon, not after 5 ms for each answer.
SWITCH_S = 0.0005
# A batch is tens of thousands of objects that all live until its commit, and hardly any of them are circles.
GARBAGE_OBJECTS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainState:
    """What a drain says of itself: totals since its start, and one sentence while it is in trouble."""

    stored: int
    refused: int
    problem: str | None
    problem_at: datetime
    notices: tuple[str, ...]


class Drains:
    """Starts the children; `state` sums up what they say. One thread, which must outlive the children."""

    def __init__(self, config: Config, count: int = COUNT) -> None:
        context = multiprocessing.get_context("fork")
        self._ends: list[Connection] = []
        self._states: list[DrainState] = []
        self._children = []
        for which in range(count):
            ours, theirs = context.Pipe()
            child = context.Process(
                target=_child, args=(config, (which, count), theirs, [*self._ends, ours]), name=f"drain-{which}"
            )
            child.start()
            theirs.close()
            self._children.append(child)
            self._ends.append(ours)
            self._states.append(
                DrainState(stored=0, refused=0, problem=None, problem_at=audit.now(), notices=())
            )

    @property
    def ends(self) -> list[Connection]:
        """Our ends of the pipes. Who is forked later closes his copies: a child ends when the last one is closed."""
        return self._ends

    def alive(self) -> bool:
        """Whether every child works."""
        return all(child.is_alive() for child in self._children)

    def state(self) -> DrainState:
        """The sum of what the children said last; the problem is the oldest one."""
        for place, end in enumerate(self._ends):
            try:
                while end.poll():
                    self._states[place] = end.recv()
            except (EOFError, OSError):
                continue  # `alive` tells
        troubled = [state for state in self._states if state.problem is not None]
        first = min(troubled, key=lambda state: state.problem_at, default=self._states[0])
        return DrainState(
            stored=sum(state.stored for state in self._states),
            refused=sum(state.refused for state in self._states),
            problem=first.problem,
            problem_at=first.problem_at,
            notices=tuple(notice for state in self._states for notice in state.notices),
        )

    def stop(self) -> None:
        """Have the children finish what is in hand, and wait for their end."""
        for end in self._ends:
            end.close()
        for child in self._children:
            child.join()


def _child(config: Config, share: tuple[int, int], end: Connection, parents_ends: list[Connection]) -> None:
    """One drain, until the parent closes its end of the pipe."""
    for inherited in parents_ends:  # else the pipe stays open when the parent has ended
        inherited.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)
    engine = database.engine(config, Role.INGEST)
    drain = Drain(engine, config.data / "spool", ObjectStore(config.data), share=share)
    stop = threading.Event()
    worker = threading.Thread(target=drain.run, args=(stop,), name="drain")
    worker.start()
    told = None
    while worker.is_alive() and not end.poll(TELL_EVERY_S):  # readable: the parent has closed it
        state = DrainState(
            stored=drain.stored, refused=drain.refused, problem=drain.problem, problem_at=drain.problem_at,
            notices=tuple(drain.notices),
        )
        if state != told:
            try:
                end.send(state)
            except OSError:
                break
            told = state
    died = not worker.is_alive()
    stop.set()
    worker.join()
    engine.dispose()
    os._exit(int(died))  # nothing of the parent's is cleaned up here
