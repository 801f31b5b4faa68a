"""The picture of mail over time: a bar for each year or month, from the first with letters to the last. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from postbuch.archive.search_facets import Facet

# A bar that nobody sees would look like none.
LEAST_PERCENT = 2


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
        percent = max(round(100 * each.count / most), LEAST_PERCENT)
        made.append(Bar(first=each.value, last=each.value, count=each.count, percent=percent, query=each.query))
        newer = place
    return made


def _place(value: str) -> int:
    """The number of a year, or of a month since the year 0."""
    year, _, month = value.partition("-")
    return int(year) * 12 + int(month) - 1 if month else int(year)


def _written(place: int, by_month: bool) -> str:
    return f"{place // 12:04}-{place % 12 + 1:02}" if by_month else f"{place:04}"
