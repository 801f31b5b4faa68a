"""When checks are due, by the settings and by what was checked before."""

from datetime import datetime, timedelta

import pytest

from postbuch.archive.checkplan import plan
from postbuch.archive.config import Verify

FIRST = datetime(2026, 11, 1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(("days", "ended", "scope"), [
    (0.5, {}, ""),
    (1.0, {}, "incremental"),
    (1.5, {"incremental": FIRST + DAY}, ""),
    (2.0, {"incremental": FIRST + DAY}, "incremental"),
    (30.0, {"incremental": FIRST + 29.5 * DAY}, "full"),
    (30.5, {"incremental": FIRST + DAY, "full": FIRST + 30 * DAY}, ""),
    (31.0, {"incremental": FIRST + DAY, "full": FIRST + 30 * DAY}, "incremental"),
    (90.0, {"full": FIRST + 30 * DAY}, "full"),
])  # fmt: skip
def test_what_is_due(days: float, ended: dict[str, datetime], scope: str) -> None:
    """Every day what is new, every month everything; a full check counts as a small one."""
    assert plan(Verify(), FIRST, ended).due(FIRST + days * DAY) == scope


def test_nothing_signed_nothing_checked() -> None:
    """Before the first checkpoint nothing is due, however old the archive."""
    assert plan(Verify(), None, {}).due(FIRST) == ""


def test_what_is_switched_off_never_comes() -> None:
    """0 means never, for each alone."""
    late = FIRST + 900 * DAY
    assert plan(Verify(every_hours=0), FIRST, {"full": late}).due(late + 20 * DAY) == ""
    assert plan(Verify(full_every_days=0), FIRST, {}).due(late) == "incremental"
    assert plan(Verify(every_hours=0, full_every_days=0), FIRST, {}).due(late) == ""
    assert plan(Verify(), FIRST, {}).incremental == FIRST + 24 * HOUR
