"""What the benchmarks of the wire share: shuffled rounds, samples, medians, and the table that is printed."""

import argparse
import json
import platform
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BASELINE = "straight"


def some_of(names: Sequence[str]) -> Callable[[str], list[str]]:
    """For an argument that takes some of the names, with commas between: one that is mistyped measures nothing."""

    def read(text: str) -> list[str]:
        wrong = [name for name in text.split(",") if name not in names]
        if wrong:
            raise argparse.ArgumentTypeError(f"{', '.join(wrong)}: is none of {', '.join(names)}")
        return text.split(",")

    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that is measured: its name, its unit, whether more is better, and how often it is taken in a round.

    What lasts a second or less is taken several times: one sample of it tells as much of the machine as of the program.
    """

    key: str
    title: str
    unit: str
    more_is_better: bool = True
    times: int = 1


@dataclass(slots=True)
class Board:
    """Samples by row and route. A route that cannot do a row has a reason instead."""

    rows: list[Row]
    routes: list[str]
    samples: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)
    processor_s: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, row: str, route: str, value: float, processor_s: float) -> None:
        """One more sample, and the processor time that what stands between took for it."""
        self.samples.setdefault((row, route), []).append(value)
        self.processor_s.setdefault((row, route), []).append(processor_s)

    def median(self, row: str, route: str) -> float | None:
        """The median of the samples; None without samples."""
        found = self.samples.get((row, route))
        return statistics.median(found) if found else None

    def ratio(self, row: str, route: str, other: str) -> float | None:
        """Route's median in parts of the other's."""
        mine, theirs = self.median(row, route), self.median(row, other)
        return mine / theirs if mine is not None and theirs else None

    def markdown(self) -> str:
        """A table: median, spread (half the range, in per cent of the median), n; ratios to straight and to nginx."""
        others = [route for route in self.routes if route != BASELINE]
        head = ["", BASELINE, *others, *(f"{route} / {BASELINE}" for route in others)]
        pairs = [(route, "nginx") for route in others if route != "nginx" and "nginx" in others]
        head += [f"{mine} / {theirs}" for mine, theirs in pairs]
        lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
        for row in self.rows:
            cells = [f"{row.title} ({row.unit}{'' if row.more_is_better else ', less is better'})"]
            cells += [self._cell(row, route) for route in (BASELINE, *others)]
            cells += [_number(self.ratio(row.key, route, BASELINE)) for route in others]
            cells += [_number(self.ratio(row.key, mine, theirs)) for mine, theirs in pairs]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def processor_markdown(self) -> str:
        """Processor time of what stands between, median in seconds: the measure that a busy machine disturbs least."""
        others = [route for route in self.routes if route != BASELINE]
        head = ["processor time of the proxy (s)", *others]
        lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * len(others)]
        for row in self.rows:
            medians = [self.processor_s.get((row.key, route)) for route in others]
            lines.append(f"| {row.title} | " + " | ".join(
                _number(statistics.median(each)) if each else "–" for each in medians
            ) + " |")  # fmt: skip
        return "\n".join(lines)

    def _cell(self, row: Row, route: str) -> str:
        found = self.samples.get((row.key, route))
        if not found:
            return self.reasons.get((row.key, route), "–")
        median = statistics.median(found)
        spread = 50 * (max(found) - min(found)) / median if median else 0.0
        return f"{_figure(median)} ±{spread:.0f} % (n={len(found)})"

    def as_json(self) -> list[dict[str, Any]]:
        """Every sample, for `--json`."""
        return [
            {"row": row.key, "unit": row.unit, "route": route, "samples": self.samples.get((row.key, route), []),
             "processor_s": self.processor_s.get((row.key, route), []),
             "reason": self.reasons.get((row.key, route), "")}
            for row in self.rows for route in self.routes
        ]  # fmt: skip


def rounds(
    count: int, rows: Sequence[Row], routes: Sequence[str], seed: int = 1
) -> Iterator[tuple[int, Row, list[str]]]:
    """Per round every row in shuffled order, each time with its routes in shuffled order: drift hits all alike."""
    order = random.Random(seed)
    for number in range(count):
        shuffled = [row for row in rows for _ in range(row.times)]
        order.shuffle(shuffled)
        for row in shuffled:
            mixed = list(routes)
            order.shuffle(mixed)
            yield number, row, mixed


def heading(title: str, versions: dict[str, str], rounds_made: int) -> str:
    """What stands above the table."""
    parts = ", ".join(f"{name} {version}" for name, version in versions.items())
    cores = len(_affinity())
    return (
        f"### {title}\n\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {cores} cores, {platform.system()} "
        f"{platform.release()}, CPython {platform.python_version()}, {parts}; {rounds_made} rounds, shuffled.\n"
    )


def write_json(path: Path | None, board: Board) -> None:
    """For comparing runs."""
    if path is not None:
        path.write_text(json.dumps(board.as_json(), indent=1))


def timed(work: Callable[[], Any]) -> float:
    """Seconds that it took."""
    import time

    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _affinity() -> set[int]:
    import os

    return os.sched_getaffinity(0)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _figure(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
