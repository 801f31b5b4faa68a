"""How the lines of a listing are written: as facts (RFC 3659), as `ls` does. Pure."""

from collections.abc import Collection
from datetime import datetime, timedelta

from postbuch.webmail.ftps_visit import Entry

FACTS = ("type", "perm", "size", "modify")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# As `ls`: what is older has its year in the place of the time of day.
_RECENT = timedelta(days=180)


def as_facts(entry: Entry, wanted: Collection[str]) -> str:
    """RFC 3659 section 7, as the client has chosen."""
    known = {
        "type": "dir" if entry.is_folder else "file", "perm": "el" if entry.is_folder else "r",
        "size": str(entry.size_octets), "modify": f"{entry.at:%Y%m%d%H%M%S}",
    }  # fmt: skip
    return "".join(f"{name}={known[name]};" for name in FACTS if name in wanted) + f" {entry.name}"


def as_ls(entry: Entry, now: datetime) -> str:
    """As `ls -l` writes it, which is what clients without MLSD read. `now` in UTC."""
    kind = "dr-xr-xr-x" if entry.is_folder else "-r--r--r--"
    when = f"{entry.at:%H:%M}" if now - entry.at < _RECENT else f" {entry.at.year}"
    day = f"{_MONTHS[entry.at.month - 1]} {entry.at.day:2} {when}"
    return f"{kind}   1 postbuch postbuch {entry.size_octets:>12} {day} {entry.name}"


def quoted(path: str) -> str:
    """For a reply that has it between quotation marks (RFC 959 appendix II)."""
    return path.replace('"', '""')
