"""How what a search found is spread over time: the years or months in which letters arrived, on the reader's clock.

Months where the letters are of few years, years where they are of more. Among 200,000 letters ten stretches of time
cost the index 2 ms and 130 cost 4, so months are asked for of few years only: at once where the archive has no more.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select

from postbuch.archive import clock, index_schema
from postbuch.archive.schema import letter

# Letters of so many years are told by month: 36 bars are a column beside a page of letters.
YEARS_BY_MONTH = 3
KINDS = ("year", "month")

Ask = Callable[[dict[str, Any]], dict[str, Any]]


def asked(conn: Connection) -> tuple[str, dict[str, Any]]:
    """What to ask the index first: the kind, and the aggregation."""
    known = range(index_schema.FIRST_YEAR, index_schema.LAST_YEAR + 1)
    oldest, newest = conn.execute(select(func.min(letter.c.sort_at), func.max(letter.c.sort_at))).one()
    # A year more on both sides: on the reader's clock it may have begun already, or not yet.
    years = [year for year in known if oldest is None or oldest.year - 1 <= year <= newest.year + 1] or [known[-1]]
    if oldest is None or len(years) > YEARS_BY_MONTH + 2:
        return _asked([date(year, 1, 1) for year in years])
    # All months of few years cost less than asking twice; a month more on both sides, as of the years.
    near = range(_place(oldest) - 1, _place(newest) + 2)
    return _asked([each for each in _months(years) if _place(each) in near] or _months(years[-1:]), by_month=True)


def counted(kind: str, answer: dict[str, int], ask: Ask) -> tuple[str, dict[str, int]]:
    """The kind that fits what was found, and how many letters there are in each year or month, the newest first.

    answer: to `asked`. ask: the index, for a second look at few years.
    """
    years = sorted({int(each[:4]) for each in answer})
    few = bool(years) and years[-1] - years[0] < YEARS_BY_MONTH
    if kind == "year" and few:
        kind, wanted = _asked(_months(range(years[0], years[-1] + 1)), by_month=True)
        answer = {
            str(each["key"]): int(each["doc_count"]) for each in ask({kind: wanted})[kind]["buckets"]
            if each["doc_count"]
        }  # fmt: skip
    elif kind == "month" and not few:
        kind = "year"
        answer = {str(year): sum(answer[each] for each in answer if int(each[:4]) == year) for year in years}
    return kind, dict(sorted(answer.items(), reverse=True))


def words(value: str) -> str:
    """The words of a search that mean a year (2026) or a month (2026-11)."""
    year, _, month = value.partition("-")
    if not month:
        return f"after:{int(year) - 1}-12-31 before:{int(year) + 1}-01-01"
    first = date(int(year), int(month), 1)
    last_before = date.fromordinal(first.toordinal() - 1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return f"after:{last_before} before:{following}"


def _place(day: date) -> int:
    """The number of its month."""
    return day.year * 12 + day.month


def _months(years: Iterable[int]) -> list[date]:
    return [date(year, month, 1) for year in years for month in range(1, 13)]


def _asked(firsts: Sequence[date], *, by_month: bool = False) -> tuple[str, dict[str, Any]]:
    """The aggregation by stretches of time that begin on these days, one after the other."""
    begins = [float(index_schema.order_of(clock.stretch(first)[0], 0)) for first in firsts]
    ends = [*begins[1:], None]
    # What is older or newer than the order knows counts as its first and last moment.
    ranges = [
        {"key": f"{first:%Y-%m}" if by_month else f"{first:%Y}"}
        | ({"from": begin} if begin > begins[0] else {}) | ({"to": end} if end else {})
        for first, begin, end in zip(firsts, begins, ends, strict=True) if begin != end
    ]  # fmt: skip
    return KINDS[by_month], {"range": {"field": "order", "ranges": ranges}}
