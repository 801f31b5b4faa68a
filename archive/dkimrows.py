"""The rows of signatures: which images were not looked at yet, what was found, and how it is read again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from postbuch.archive.bulk import insert_numbered, insert_rows
from postbuch.archive.dkimreasons import Doubt, Standing
from postbuch.archive.dkimsignature import Verdict
from postbuch.archive.said import Said, understood
from postbuch.archive.schema import image
from postbuch.archive.schema_dkim import dkim_check, dkim_verdict

MATCHING = frozenset({Verdict.PASS.value, Verdict.PART.value, Verdict.EXPIRED.value, Verdict.WEAK.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An image that was not looked at yet."""

    id: int
    size_octets: int
    archived_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The rows of one image, without their numbers."""

    check: dict[str, Any]
    verdicts: list[dict[str, Any]]


def waiting(conn: Connection, above: int, since: datetime, limit: int) -> list[Waiting]:
    """The oldest images with a number above the one given, archived since then, that were not looked at yet."""
    looked_at = select(dkim_check.c.id).where(dkim_check.c.image_id == image.c.id).exists()
    query = (
        select(image.c.id, image.c.size_octets, image.c.archived_at)
        .where(image.c.id > above, image.c.archived_at >= since, ~looked_at)
        .order_by(image.c.id).limit(limit)
    )
    return [Waiting(id=row.id, size_octets=row.size_octets, archived_at=row.archived_at) for row in conn.execute(query)]


def newest_looked_at(conn: Connection) -> int:
    """The number of the newest image that was looked at; 0 when none was."""
    return conn.scalar(select(func.max(dkim_check.c.image_id))) or 0


def newest_image(conn: Connection) -> int:
    """The number of the newest image; 0 when there is none."""
    return conn.scalar(select(func.max(image.c.id))) or 0


def last_before(conn: Connection, moment: datetime) -> int:
    """The newest image that was archived before, found by halving: numbers rise with the time, roughly."""
    low, high = 0, newest_image(conn)
    while low < high:
        middle = (low + high + 1) // 2
        query = select(image.c.id, image.c.archived_at).where(image.c.id <= middle).order_by(image.c.id.desc())
        found = conn.execute(query.limit(1)).one_or_none()
        if found is None or found.archived_at < moment:
            low = middle
        else:
            high = found.id - 1
    return low


def write(conn: Connection, looks: list[Look]) -> None:
    """Insert what was found."""
    numbers = insert_numbered(conn, dkim_check, [look.check for look in looks], dkim_check.c.image_id)
    insert_rows(conn, dkim_verdict, [
        {"check_id": numbers[look.check["image_id"]], **verdict} for look in looks for verdict in look.verdicts
    ])  # fmt: skip


def facts(conn: Connection, images: Any) -> list[dict[str, Any]]:
    """What was found of each of the images (a list or a query of their numbers).

    Keys: the columns of the look, `signatures` with those of each verdict, `standing` and its sentence `says`.
    """
    found: list[dict[str, Any]] = []
    looks = select(dkim_check).where(dkim_check.c.image_id.in_(images)).order_by(dkim_check.c.image_id)
    for row in conn.execute(looks).all():
        query = select(dkim_verdict).where(dkim_verdict.c.check_id == row.id).order_by(dkim_verdict.c.position)
        verdicts = [dict(each._mapping) for each in conn.execute(query)]
        look = {**row._mapping, "signatures": verdicts}
        said = standing(look)
        found.append({**look, "standing": said.reason, "says": said})
    return found


def standing(look: dict[str, Any]) -> Said:
    """What the signatures together say; the best of them counts, one of the sender's own domain before others."""
    verdicts = look["signatures"]
    if look["reason"] and not verdicts:
        return Standing.UNKNOWN.said(why=understood(look["reason"], Doubt))
    if not verdicts:
        return Standing.UNSIGNED.said()
    best = max(verdicts, key=lambda each: (each["in_force"] and each["verdict"] == Verdict.PASS.value,
                                           _RANK[each["verdict"]], bool(each["aligned"]), -each["position"]))
    domain, why = best["domain"], understood(best["reason"], Doubt)
    verdict = Verdict(best["verdict"])
    if verdict is Verdict.PASS:
        return (Standing.MATCHES if best["in_force"] else Standing.OTHER_DOMAIN).said(domain=domain)
    if verdict is Verdict.FAIL:
        return Standing.ALTERED.said(domain=domain)
    if verdict is Verdict.NO_KEY:
        return Standing.NO_KEY.said(domain=domain)
    if verdict in (Verdict.UNFIT, Verdict.UNKNOWN):
        return Standing.NOT_CHECKED.said(domain=domain or "?", why=why)
    return Standing.LIMITED.said(domain=domain, why=why)


# From the one that says most to the one that says least.
_RANK = {
    each.value: -place for place, each in enumerate((
        Verdict.PASS, Verdict.PART, Verdict.EXPIRED, Verdict.WEAK, Verdict.FAIL, Verdict.UNKNOWN, Verdict.NO_KEY,
        Verdict.UNFIT,
    ))
}  # fmt: skip
