"""What a letter is made of: its images, the octets of one, how it reads, and the files beside its text."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from flask import Response, url_for

from postbuch.archive import extract_reasons, letters, pictures
from postbuch.archive.errors import NotFound
from postbuch.archive.skeleton import SkeletonDamaged
from postbuch.archive.wrong import Wrong
from postbuch.webmail import filenames, handout
from postbuch.webmail.reading import Reading
from postbuch.webmail.services import services

log = logging.getLogger("postbuch.webmail")

# What a browser may be shown of a file: pictures without script in them, PDF, plain text.
_PICTURES = frozenset(pictures.BEGINNINGS)
PREVIEWS = _PICTURES | {"application/pdf", "text/plain", "text/csv"}
# A tile of 40 px is not worth more of a phone's data.
MAX_TILE_OCTETS = 1_048_576
# Each file is a walk through the message; a mail with more files than this is a bomb or a mistake.
MAX_BUNDLED = 100
# Where a file of a letter stands: it is a part, within one, or in a text.
SOURCES = ("message", "container", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file of a letter."""

    name: str
    size_octets: int
    family: str
    href: str
    preview: str | None
    picture: str | None  # small enough to be shown in its tile
    unsearched: str  # why not all of it can be found by its words; empty when it can
    partly: bool  # but some
    container: str  # the name of the file that it stands in; empty for nearly all


def octets_of(image_id: int) -> bytes:
    """The message as it was. For an image that was found to be readable."""
    with services().transaction() as conn:
        return letters.octets(conn, services().config, image_id)


def read(letter_id: int, image_id: int) -> Reading:
    """The message ready to be shown. For an image that was found to be readable."""
    return services().reader.read(
        letter_id, image_id, lambda: octets_of(image_id),
        lambda position: url_for("files.inline", letter_id=letter_id, image_id=image_id, position=position),
    )


def image_of(facts: dict[str, Any], image_id: int | None) -> dict[str, Any]:
    """The asked-for image of a letter, else its first. Raises NotFound for one that is not among the readable."""
    images: list[dict[str, Any]] = facts["images"]
    if image_id is None:
        return images[0]
    for image in images:
        if image["id"] == image_id:
            return image
    raise NotFound(Wrong.NO_IMAGE_OF.said(number=image_id))


def part_of(facts: dict[str, Any], image_id: int, position: int) -> dict[str, Any]:
    """One part of an image of a letter. Raises NotFound for one that is not among the readable, Unreadable.

    One without a row is read out of the message (see `files_of`), which takes time: call it outside of transactions.
    """
    for part in facts["parts"]:
        if (part["image_id"], part["position"]) == (image_id, position):
            found: dict[str, Any] = part
            return found
    image_of(facts, image_id)
    try:
        leaf = services().reader.leaf(octets_of(image_id), position)
    except NotFound:
        raise NotFound(Wrong.NO_PART.said(number=facts["id"])) from None
    return {
        "image_id": image_id, "position": position, "content_type": leaf.content_type, "file_name": leaf.file_name,
        "size_octets": len(leaf.payload), "sha256": hashlib.sha256(leaf.payload).hexdigest(),
    }  # fmt: skip


def given(part: dict[str, Any], image_id: int, record: Callable[[dict[str, str]], None]) -> Response:
    """A part (`part_of`) as a file. record: as of `handout.given`."""
    name = _name(part)
    answer = handout.prepared(part["sha256"], part["size_octets"], name)
    return handout.given(
        answer, lambda: services().reader.leaf(octets_of(image_id), part["position"]).payload, record
    )


def files_of(facts: dict[str, Any], image_id: int, reading: Reading) -> list[dict[str, Any]]:
    """The parts that are files beside the text. A picture that stands in the text is not offered a second time.

    One that belongs to the text and yet does not stand in what is shown of it is offered: it would be nowhere. What
    stands in a container has no rows where the letter was archived before containers were opened; and what its rows
    call a text may be a file by now.
    """
    read_now = {each.position: {**asdict(each), "image_id": image_id} for each in reading.attachments}
    rows = [part for part in facts["parts"] if part["image_id"] == image_id]
    parts = [read_now.pop(part["position"], part) for part in rows]
    parts += read_now.values()
    return [
        part for part in parts
        if part["position"] not in reading.shown and (
            part["is_attachment"] or part["content_type"].startswith("image/") or part["position"] in reading.hidden
        )
    ]  # fmt: skip


def listed(facts: dict[str, Any], image_id: int) -> list[dict[str, Any]]:
    """The attachments of an image as it is read now, each with its `source` and `container`, where that is known.

    Takes time: call it outside of transactions. A message that cannot be taken apart in time, or whose octets are
    damaged or gone, has those of its rows.
    """
    try:
        found = services().reader.bodies(octets_of(image_id))
    except (NotFound, SkeletonDamaged) as error:  # `postbuch verify` says so, to somebody
        log.error("attachments-by-rows image=%d reason=%s", image_id, error)
        found = None
    if found is None:
        rows = [part for part in facts["parts"] if part["image_id"] == image_id and part["is_attachment"]]
        return [{**part, "source": None, "container": None} for part in rows]
    sources = dict.fromkeys(found.containers, "container") | dict.fromkeys(found.in_texts, "text")
    return [
        {**asdict(each), "image_id": image_id, "source": sources.get(each.position, "message"),
         "container": found.containers.get(each.position)}
        for each in found.attachments
    ]  # fmt: skip


def attachments(
    facts: dict[str, Any], image_id: int, reading: Reading, reasons: dict[bytes, tuple[str, bool]]
) -> list[Attachment]:
    """The same as a page shows them. `reasons`: by digest, why not all of a file is searched, and whether some is."""
    found = []
    parts = files_of(facts, image_id, reading)
    names = {part["position"]: _name(part) for part in parts}
    for part in parts:
        is_small_picture = part["content_type"] in _PICTURES and part["size_octets"] <= MAX_TILE_OCTETS
        name = names[part["position"]]
        place = {"letter_id": facts["id"], "image_id": image_id, "position": part["position"]}
        reason, partly = reasons.get(bytes.fromhex(part["sha256"]), ("", False))
        found.append(Attachment(
            name=name,
            unsearched=extract_reasons.told(reason),
            partly=partly,
            container=names.get(reading.containers.get(part["position"], -1), ""),
            size_octets=part["size_octets"],
            family=filenames.family(part["content_type"], name),
            href=url_for("files.download", **place),
            preview=url_for("files.preview", **place) if part["content_type"] in PREVIEWS else None,
            picture=url_for("files.tile", **place) if is_small_picture else None,
        ))
    return found


def _name(part: dict[str, Any]) -> str:
    return filenames.display_name(part["file_name"], part["content_type"], part["position"])
