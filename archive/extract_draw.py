"""A file as a small picture: photographs and drawings by Pillow, the first page of a PDF. The home of Pillow.

Runs in a child under limits: decoders of pictures are what hostile files are written for.
"""

import io

from PIL import Image, ImageOps

from postbuch.archive import extract_pdf
from postbuch.archive.extract_bounds import GivenUp
from postbuch.archive.extract_kind import kind_of

# 50 million pixels are a large camera's; as RGB 150 MB. More is a bomb: 30 KB of PNG can hold gigabytes.
MAX_PIXELS = 50_000_000
# What is decoded. Pillow knows forty formats, most of them without use in mail and seldom looked at by anyone.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
QUALITY = 80


def draw(octets: bytes, side: int) -> bytes:
    """A JPEG of at most `side` pixels on each side, upright, on white, without anything that the file said of itself.

    Raises GivenUp for what is no picture or too large a one.
    """
    kind = kind_of(octets)
    if kind == "pdf":
        return _written(extract_pdf.draw(octets, side))
    if kind != "silent":
        raise GivenUp("KIND")
    Image.MAX_IMAGE_PIXELS = None  # ours is asked before anything is decoded
    try:
        with Image.open(io.BytesIO(octets), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise GivenUp("TOO_MUCH")
            picture.draft("RGB", (side, side))  # a JPEG is decoded at an eighth of its size for nothing
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((side, side))
            return _written(upright)
    except (OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError, EOFError, OverflowError):
        raise GivenUp("DAMAGED") from None


def _written(picture: Image.Image) -> bytes:
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        picture = Image.new("RGB", clear.size, "white")
        picture.paste(clear, mask=clear.getchannel("A"))
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
