"""What somebody may read, as parts of a query: rights are asked for with everything else, never a filter afterwards."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, false, func, select, true

from postbuch.archive.schema import letter, letter_image, letter_place, part, sighting
from postbuch.archive.users import ALL, Rights


def readable(accounts: Rights, number: Any = letter.c.id) -> ColumnElement[bool]:
    """The condition on the number of a letter that holds what the rights allow."""
    if accounts == ALL:
        return true()
    if not accounts:
        return false()
    place = letter_place.alias()
    return exists().where(place.c.letter_id == number, place.c.account_id.in_(accounts))


def readable_each(accounts: Rights, number: Any = letter.c.id) -> ColumnElement[bool]:
    """`readable` by a scalar subquery, which is evaluated for the letters that the other conditions leave."""
    if accounts == ALL or not accounts:
        return readable(accounts)
    place = letter_place.alias()
    mine = select(place.c.letter_id).where(place.c.letter_id == number, place.c.account_id.in_(accounts))
    return mine.limit(1).scalar_subquery().is_not(None)


def seen(accounts: Rights) -> ColumnElement[bool]:
    """The condition on `letter_image` that the image was seen within the rights: a colleague's may hold his Bcc."""
    if accounts == ALL:
        return true()
    return exists().where(sighting.c.image_id == letter_image.c.image_id, sighting.c.account_id.in_(accounts))


def part_seen(accounts: Rights) -> ColumnElement[bool]:
    """`seen` for the image of a `part`, by a scalar subquery as in `readable_each`: a logo may stand in all images."""
    if accounts == ALL:
        return true()
    mine = select(sighting.c.id).where(sighting.c.image_id == part.c.image_id, sighting.c.account_id.in_(accounts))
    return mine.limit(1).scalar_subquery().is_not(None)


def visible_images(letter_id: Any, accounts: Rights) -> Select[Any]:
    """The images of a letter that were seen within the rights."""
    return select(letter_image.c.image_id).where(letter_image.c.letter_id == letter_id, seen(accounts))


def first_seen(letter_id: Any, accounts: frozenset[int]) -> Select[Any]:
    """The image that is shown of a letter to who may read these accounts: its first one that they saw."""
    return (
        select(func.min(letter_image.c.image_id)).join(sighting, sighting.c.image_id == letter_image.c.image_id)
        .where(letter_image.c.letter_id == letter_id, sighting.c.account_id.in_(accounts))
    )


def seen_images(conn: Connection, ids: Collection[int], accounts: frozenset[int]) -> dict[int, list[int]]:
    """Letter → its images that these accounts saw, in the order in which they saw them first."""
    query = (
        select(letter_image.c.letter_id, letter_image.c.image_id)
        .join(sighting, sighting.c.image_id == letter_image.c.image_id)
        .where(letter_image.c.letter_id.in_(ids), sighting.c.account_id.in_(accounts))
        .group_by(letter_image.c.letter_id, letter_image.c.image_id)
        .order_by(func.min(sighting.c.id))
    )
    found: dict[int, list[int]] = {}
    for row in conn.execute(query):
        found.setdefault(row.letter_id, []).append(row.image_id)
    return found
