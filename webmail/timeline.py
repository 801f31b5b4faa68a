"""The picture of mail over time: a bar for each year or month, from the first with letters to the last. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from postbuch.archive.search_facets import Facet

# A bar that nobody sees would look like none.
LEAST_PERCENT = 2
# More bars than this, at 44 px for a finger, are longer than the screen of a telephone: they stand in groups.
MOST_BARS = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A year (2026) or a month (2026-11); first to last for those in a row that have no letters.

    percent: of the longest bar. query: the search narrowed to it, empty where there are no letters.
    """

    first: str
    last: str
    count: int = 0
    percent: int = 0
    query: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The months of a year, or the years of a decade, in their order. percent: of the group with the most letters."""

    first: str
    last: str
    count: int
    percent: int
    bars: list[Bar]


def groups(made: Sequence[Bar]) -> list[Group]:
    """What `bars` gave, in groups; none where it can be seen at once.

    A time without letters stands below the bar that it ends at, in the group of that.
    """
    if len(made) <= MOST_BARS:
        return []
    found: dict[str, list[Bar]] = {}
    key = ""
    for bar in made:
        if bar.count:
            key = bar.first[:4] if "-" in bar.first else bar.first[:3]
        found.setdefault(key, []).append(bar)
    counts = {key: sum(bar.count for bar in held) for key, held in found.items()}
    return [
        Group(first=key.ljust(4, "0"), last=key.ljust(4, "9"), count=counts[key], bars=held,
              percent=_percent(counts[key], max(counts.values())))
        for key, held in found.items()
    ]  # fmt: skip


def bars(found: Sequence[Facet]) -> list[Bar]:
    """The bars of one kind of facets, which come newest first, with what lies between them."""
    most = max((each.count for each in found), default=0)
    made: list[Bar] = []
    newer: int | None = None
    for each in found:
        place = _place(each.value)
        if newer is not None and newer - place > 1:
            by_month = "-" in each.value
            made.append(Bar(first=_written(place + 1, by_month), last=_written(newer - 1, by_month)))
        made.append(Bar(
            first=each.value, last=each.value, count=each.count, percent=_percent(each.count, most), query=each.query
        ))  # fmt: skip
        newer = place
    return made


def _percent(count: int, most: int) -> int:
    return max(round(100 * count / most), LEAST_PERCENT)


def _place(value: str) -> int:
    """The number of a year, or of a month since the year 0."""
    year, _, month = value.partition("-")
    return int(year) * 12 + int(month) - 1 if month else int(year)


def _written(place: int, by_month: bool) -> str:
    return f"{place // 12:04}-{place % 12 + 1:02}" if by_month else f"{place:04}"
