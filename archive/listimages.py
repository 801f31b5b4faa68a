"""What a list of letters compares and shows of their images: those that were seen within the rights.

A letter is one or more images; what is compared is any of them, what is shown is the first.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, not_, or_, select, true

from postbuch.archive.listcolumn import Scope, Test, compare
from postbuch.archive.schema import address, image_address, letter, letter_image, part, sighting
from postbuch.archive.users import ALL, Rights
from postbuch.archive.visible import first_seen, readable, readable_each


def within(scope: Scope) -> ColumnElement[bool]:
    """The condition on `letter` that holds what the rights allow."""
    return readable_each(scope.rights) if scope.narrow else readable(scope.rights)


def seen_within(image_id: Any, rights: Rights) -> ColumnElement[bool]:
    """Whether an image was seen in an account within the rights, looked up for each."""
    if rights == ALL:
        return true()
    seen = sighting.alias()
    mine = select(seen.c.id).where(seen.c.image_id == image_id, seen.c.account_id.in_(rights))
    return mine.limit(1).scalar_subquery().is_not(None)


def with_image(scope: Scope, image_id: Any, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """The letters of images within the rights for which the conditions hold: a set that is found once, or each."""
    found = select(letter_image.c.letter_id).where(letter_image.c.image_id == image_id, *conditions)
    found = found.where(seen_within(letter_image.c.image_id, scope.rights))
    if not scope.each:
        return letter.c.id.in_(found)
    of_letter = found.where(letter_image.c.letter_id == letter.c.id).correlate(letter).limit(1)
    return of_letter.scalar_subquery().is_not(None)


def shown(scope: Scope, owner: Any = letter) -> Any:
    """The image that is shown of a letter."""
    if scope.rights == ALL:
        return owner.c.first_image_id
    return first_seen(owner.c.id, scope.rights).correlate(owner).scalar_subquery()


def of_shown(column: ColumnElement[Any], image_id: Any, owner: Any = letter) -> Callable[[Scope], ColumnElement[Any]]:
    """What is sorted by: a value of the image that is shown. `owner` is the letter, perhaps under another name."""
    return lambda scope: select(column).where(image_id == shown(scope, owner)).correlate(owner).scalar_subquery()


def of_any(column: ColumnElement[Any], image_id: Any, kind: Any) -> Callable[[Scope, Test], ColumnElement[bool]]:
    """What is compared: the value of any image."""
    return lambda scope, test: with_image(scope, image_id, compare(column, kind, test))


def people(*fields: str) -> Callable[[Scope, Test], ColumnElement[bool]]:
    """The comparison with who stands in these fields: a value with an @ is about addresses alone."""
    def condition(scope: Scope, test: Test) -> ColumnElement[bool]:
        in_field = image_address.c.field.in_(fields)
        if test.op == "empty":
            some = with_image(scope, image_address.c.image_id, in_field)
            return not_(some)
        about = [value for value in test.values if value is not None]
        lowered = Test(op=test.op, values=tuple(value and value.lower() for value in test.values))
        known = select(address.c.id)
        if test.op in ("equals", "in"):
            # As the index has it: addresses are kept in lower case.
            known = known.where(address.c.address.in_(lowered.values))
        else:
            known = known.where(compare(address.c.address, "text", lowered))
        by_address = image_address.c.address_id.in_(known)
        if all("@" in value for value in about):
            return with_image(scope, image_address.c.image_id, in_field, by_address)
        by_name = and_(image_address.c.display_name != "", compare(image_address.c.display_name, "text", test))
        return or_(
            with_image(scope, image_address.c.image_id, in_field, by_address),
            with_image(scope, image_address.c.image_id, in_field, by_name),
        )

    return condition


def images_of(*fields: str) -> Callable[[Connection, Test], Select[tuple[int]] | None]:
    """The images with given addresses in these fields."""
    def images(conn: Connection, test: Test) -> Select[tuple[int]] | None:
        if test.op not in ("equals", "in") or not all("@" in value for value in test.values):
            return None
        # Looked up before: with a subquery in its place the server would not take the index.
        known = conn.scalars(select(address.c.id).where(address.c.address.in_([each.lower() for each in test.values])))
        found = select(image_address.c.image_id).with_hint(image_address, "FORCE INDEX (image_address_address)")
        return found.where(image_address.c.address_id.in_(known.all()), image_address.c.field.in_(fields))

    return images


def files(scope: Scope, test: Test) -> ColumnElement[bool]:
    """The comparison with the names of attachments."""
    named = and_(part.c.is_attachment, part.c.file_name != "")
    if test.op == "empty":
        return not_(with_image(scope, part.c.image_id, named))
    return with_image(scope, part.c.image_id, named, compare(part.c.file_name, "text", test))


def one_of(scope: Scope, images: Select[tuple[int]]) -> ColumnElement[bool]:
    """Whether a letter has one of these images, looked up for each letter: its images first."""
    among = images.whereclause
    found = (
        select(letter_image.c.letter_id).prefix_with("STRAIGHT_JOIN")
        .select_from(letter_image.join(image_address, image_address.c.image_id == letter_image.c.image_id))
        .where(letter_image.c.letter_id == letter.c.id, true() if among is None else among,
               seen_within(letter_image.c.image_id, scope.rights))
    )  # fmt: skip
    return found.correlate(letter).limit(1).scalar_subquery().is_not(None)


def led(scope: Scope, images: Select[tuple[int]]) -> Select[Any]:
    """The letters of these images, as far as they were seen within the rights. Read in the order that is written."""
    of_letter = images.add_columns(letter_image.c.letter_id).join(
        letter_image, letter_image.c.image_id == image_address.c.image_id
    ).where(seen_within(letter_image.c.image_id, scope.rights))
    found = of_letter.with_only_columns(letter_image.c.letter_id).distinct().prefix_with("STRAIGHT_JOIN").subquery()
    letters = select(letter.c.id).select_from(found.join(letter, letter.c.id == found.c.letter_id))
    return letters.where(within(scope)).prefix_with("STRAIGHT_JOIN")
