"""The hand-written threads of the demo firm, in German and English, from `story.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One letter of a thread. `after_days` counts from the turn before; `hangs_on` names what is attached."""

    by: str
    to: str
    text: str
    at: str
    after_days: int = 0
    cc: str = ""
    hangs_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """Letters under one subject; `days_ago` is the day of the first one."""

    subject: str
    days_ago: int
    turns: tuple[Turn, ...]


def threads() -> list[Thread]:
    """All of them, as they stand in the file."""
    raw = tomllib.loads((Path(__file__).parent / "story.toml").read_text(encoding="utf-8"))
    return [
        Thread(subject=each["subject"], days_ago=each["days_ago"], turns=tuple(_turn(turn) for turn in each["turn"]))
        for each in raw["thread"]
    ]


def _turn(raw: dict[str, object]) -> Turn:
    hangs_on = raw.pop("hangs_on", [])
    assert isinstance(hangs_on, list)
    return Turn(**raw, hangs_on=tuple(hangs_on))  # type: ignore[arg-type]
