"""Files for programs: one row of the list of attachments, with the letters that it came with, and its octets."""

from typing import Any

from postbuch.archive import attachments
from postbuch.archive.apikeys import CONTENT, LETTERS
from postbuch.webmail import apischemas
from postbuch.webmail.apiaccess import asker, with_key
from postbuch.webmail.apiletters import FILE, part_of, plainly
from postbuch.webmail.apiroutes import Routes
from postbuch.webmail.services import services

blueprint = Routes("api_files", __name__, description="Files")


@blueprint.route("/media/<int:attachment_id>", operation="getFile")
@with_key(LETTERS)
@blueprint.response(200, apischemas.MediaFile)
def one(attachment_id: int) -> Any:
    """One file by the number that it has in `/media`, and the letters that may be read with it, newest first."""
    with services().transaction() as conn:
        place = attachments.place_of(conn, attachment_id, asker().accounts)
        digest = place.sha256.hex()
        asker().on_record(conn, "media-view", f"attachment {attachment_id}", {"sha256": digest})
    with services().transaction() as conn:
        found = attachments.letters_of(conn, attachment_id, asker().accounts)
    return {
        "id": attachment_id, "file_name": place.file_name, "content_type": place.content_type,
        "size_octets": place.size_octets, "sha256": digest, "letters": plainly(found),
    }


@blueprint.route("/media/<int:attachment_id>/file", operation="getFileOctets")
@with_key(CONTENT)
@blueprint.doc(**FILE)
def file(attachment_id: int) -> Any:
    """Its octets, out of the newest message with it; on record as a download of that letter's attachment."""
    with services().transaction() as conn:
        place = attachments.place_of(conn, attachment_id, asker().accounts)
    return part_of(place.letter_id, place.image_id, place.position)
