"""The rows of the list of letters: what is shown of each, read for a page at a time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, case, false, func, select

from postbuch.archive.listcolumn import Scope
from postbuch.archive.marks import is_read
from postbuch.archive.schema import (
    account,
    address,
    header_summary,
    image,
    image_address,
    letter,
    letter_image,
    letter_place,
    mailbox,
    part,
    sighting,
)
from postbuch.archive.users import ALL


def rows(conn: Connection, ids: list[int], scope: Scope, names: Sequence[str]) -> list[dict[str, Any]]:
    """The letters with these columns: text as str, times without zone in UTC, lists of str, counts as int.

    In this order; `sha256`, of the image that is shown, as bytes.
    """
    if not ids:
        return []
    heads = {row.letter_id: row for row in conn.execute(_heads(ids, scope, names))}
    images = [row.id for row in heads.values()]
    places = _places_of(conn, ids, scope) if {"account", "mailbox"} & set(names) else {}
    people = _cc_of(conn, images) if "cc" in names else {}
    files = _files_of(conn, images) if "files" in names else {}
    found = []
    for number in ids:
        facts = heads.get(number)
        if facts is None:
            continue
        accounts, mailboxes = places.get(number, ([], []))
        whole = {
            "id": number, "from": facts.from_display, "to": facts.to_display, "cc": people.get(facts.id, []),
            "subject": facts.subject, "preview": facts.preview, "account": accounts, "mailbox": mailboxes,
            "attachments": facts.attachment_count, "files": files.get(facts.id, []), "size": facts.size_octets,
            "unread": bool(facts.unread), "date": facts.sort_at, "written": facts.date_header,
            "archived_at": facts.archived_at, "message_id": facts.message_id, "sha256": facts.sha256,
        }
        found.append({"id": number, **{name: whole[name] for name in names}})
    return found


def _heads(ids: list[int], scope: Scope, names: Sequence[str]) -> Select[Any]:
    """What a row has of its letter and of the image that is shown: the first one within the rights."""
    joined: FromClause = letter
    shown: ColumnElement[int] = letter.c.first_image_id
    if scope.rights != ALL:
        mine = (
            select(letter_image.c.letter_id, func.min(letter_image.c.image_id).label("image_id"))
            .join(sighting, sighting.c.image_id == letter_image.c.image_id)
            .where(letter_image.c.letter_id.in_(ids), sighting.c.account_id.in_(scope.rights))
            .group_by(letter_image.c.letter_id).subquery("mine")
        )
        joined, shown = mine.join(letter, letter.c.id == mine.c.letter_id), mine.c.image_id
    unread = ~is_read(letter.c.id, scope.user_id, scope.rights) if "unread" in names else false()
    return (
        select(
            letter.c.id.label("letter_id"), letter.c.sort_at, unread.label("unread"), image.c.id, image.c.sha256,
            image.c.size_octets, image.c.archived_at, header_summary.c.message_id, header_summary.c.subject,
            header_summary.c.from_display, header_summary.c.to_display, header_summary.c.date_header,
            header_summary.c.attachment_count, header_summary.c.preview,
        )
        .select_from(joined.join(image, image.c.id == shown).join(
            header_summary, header_summary.c.image_id == image.c.id
        )).where(letter.c.id.in_(ids)).prefix_with("STRAIGHT_JOIN")
    )  # fmt: skip


def _places_of(conn: Connection, ids: list[int], scope: Scope) -> dict[int, tuple[list[str], list[str]]]:
    query = (
        select(letter_place.c.letter_id, account.c.address, mailbox.c.name)
        .join(account, account.c.id == letter_place.c.account_id)
        .join(mailbox, mailbox.c.id == letter_place.c.mailbox_id, isouter=True)
        .where(letter_place.c.letter_id.in_(ids)).order_by(account.c.address, mailbox.c.name)
        # From the letters on: with old statistics, as after an import, the server would begin with the accounts and
        # read all of their letters, 0.25 s of a million.
        .prefix_with("STRAIGHT_JOIN").with_hint(letter_place, "FORCE INDEX (PRIMARY)")
    )
    if scope.rights != ALL:
        query = query.where(letter_place.c.account_id.in_(scope.rights))
    found: dict[int, tuple[list[str], list[str]]] = {}
    for row in conn.execute(query):
        for known, name in zip(found.setdefault(row.letter_id, ([], [])), (row.address, row.name), strict=True):
            if name is not None and name not in known:
                known.append(name)
    return found


def _cc_of(conn: Connection, images: list[int]) -> dict[int, list[str]]:
    shown = case((image_address.c.display_name != "", func.concat(
        image_address.c.display_name, " <", address.c.address, ">"
    )), else_=address.c.address)  # fmt: skip
    query = (
        select(image_address.c.image_id, shown.label("person"))
        .join(address, address.c.id == image_address.c.address_id)
        .where(image_address.c.image_id.in_(images), image_address.c.field == "cc")
        .order_by(image_address.c.image_id, image_address.c.position)
    )
    found: dict[int, list[str]] = {}
    for row in conn.execute(query):
        found.setdefault(row.image_id, []).append(row.person)
    return found


def _files_of(conn: Connection, images: list[int]) -> dict[int, list[str]]:
    query = (
        select(part.c.image_id, part.c.file_name)
        .where(part.c.image_id.in_(images), part.c.is_attachment, part.c.file_name != "")
        .order_by(part.c.image_id, part.c.position)
    )
    found: dict[int, list[str]] = {}
    for row in conn.execute(query):
        found.setdefault(row.image_id, []).append(row.file_name)
    return found
