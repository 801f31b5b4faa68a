"""Days and sizes as people write them in a search and in the address of a list. Pure."""

import re
from datetime import date, datetime, timedelta

# More digits than any size has, and few enough for the database to compare.
_SIZE = re.compile(r"(\d{1,15})\s*([kmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_RELATIVE = re.compile(r"today(?:-(\d{1,5})d)?|yesterday", re.IGNORECASE)


def octets(written: str) -> int | None:
    """How many `500k`, `2 MB` or `1000` are; None when it is no size."""
    found = _SIZE.fullmatch(written)
    return int(found[1]) * _UNITS[found[2].lower()] if found else None


def is_relative(written: str) -> bool:
    """Whether it is a day such as `today-7d`."""
    return _RELATIVE.fullmatch(written) is not None


def day(written: str, today: date) -> date | None:
    """The day that is meant; None when it is none."""
    relative = _RELATIVE.fullmatch(written)
    if relative:
        return today - timedelta(days=1 if written.lower() == "yesterday" else int(relative[1] or 0))
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d"):
        try:
            return datetime.strptime(written, form).date()
        except ValueError:
            continue
    return None
