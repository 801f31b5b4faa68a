"""The readable names of the attachments, as the rows say that they have to be: to make them anew, and to check them.

The ingest makes them one by one (`ObjectStore.link`); from the rows they can all be made again.
"""

from collections.abc import Callable, Collection
from pathlib import Path

from sqlalchemy import Connection, func, select

from postbuch.archive import imagerows
from postbuch.archive.bulk import chunks
from postbuch.archive.imagerows import StoredFile
from postbuch.archive.objects import ObjectStore
from postbuch.archive.schema import account, image_object, letter_image, sighting

# Letters looked at together: with ten accounts and three files to each that is below a megabyte.
CHUNK = 200

# Folder below that of the tree and number of the letter → the attachments that the account of the folder saw.
Named = dict[tuple[Path, int], list[StoredFile]]


def letters_after(conn: Connection, last: int) -> list[int]:
    """The next letters that have a file, by number."""
    query = (
        select(letter_image.c.letter_id).distinct()
        .join(image_object, image_object.c.image_id == letter_image.c.image_id)
        .where(letter_image.c.letter_id > last).order_by(letter_image.c.letter_id).limit(CHUNK)
    )  # fmt: skip
    return list(conn.scalars(query))


def named(conn: Connection, store: ObjectStore, letters: Collection[int]) -> Named:
    """What has a name for these letters, in the order in which the images came."""
    mine = letter_image.c.letter_id
    images = [
        number for part in chunks(letters)
        for number in conn.scalars(select(letter_image.c.image_id).where(mine.in_(part)))
    ]
    places, files = imagerows.letters_of(conn, images), imagerows.files_of(conn, images)
    found: Named = {}
    for part in chunks(sorted(files)):
        owners = conn.execute(
            select(sighting.c.image_id, account.c.address).distinct()
            .join(account, account.c.id == sighting.c.account_id).where(sighting.c.image_id.in_(part))
            .order_by(sighting.c.image_id, account.c.address)
        )
        for image_id, address in owners:
            if image_id not in places:  # its letter is gone, which is another finding
                continue
            letter_id, at = places[image_id]
            found.setdefault((store.folder(at, address), letter_id), []).extend(files[image_id])
    return found


def make(conn: Connection, store: ObjectStore, progress: Callable[[int, int], object]) -> int:
    """Every name that is missing, of attachments that are there; how many. Raises ObjectsUnwritable."""
    last = done = made = 0
    total = conn.scalar(
        select(func.count(func.distinct(letter_image.c.letter_id)))
        .join(image_object, image_object.c.image_id == letter_image.c.image_id)
    ) or 0  # fmt: skip
    while letters := letters_after(conn, last):
        for (folder, letter_id), files in named(conn, store, letters).items():
            for file in files:
                if store.path(file.sha256).exists():
                    made += store.link_in(folder, file.sha256, letter_id, file.name)[1]
        last, done = letters[-1], done + len(letters)
        progress(done, total)
    store.sync()
    return made
