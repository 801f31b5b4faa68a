"""PNG pictures made of arithmetic: the firm's logo, a photo of a worn tool, a diagram. RFC 2083 by zlib alone."""

import math
import random
import struct
import zlib
from collections.abc import Callable

Colour = tuple[int, int, int]


def png(width: int, height: int, colour_at: Callable[[int, int], Colour]) -> bytes:
    """A true-colour PNG; `colour_at(x, y)` is asked for each pixel."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # filter type None
        for x in range(width):
            rows += bytes(colour_at(x, y))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def logo() -> bytes:
    """A gear in the firm's blue on white, 96 x 96."""

    def colour(x: int, y: int) -> Colour:
        dx, dy = x - 47.5, y - 47.5
        radius, angle = math.hypot(dx, dy), math.atan2(dy, dx)
        edge = 38 + (5 if math.cos(angle * 10) > 0 else 0)
        return (24, 78, 140) if 16 < radius < edge else (255, 255, 255)

    return png(96, 96, colour)


def workpiece(seed: int, width: int = 320, height: int = 220) -> bytes:
    """What could be a photo of turned steel with a scratch; another seed is another photo."""
    dice = random.Random(seed)
    noise = [dice.randint(-9, 9) for _ in range(4096)]
    slope, start = dice.uniform(-0.4, 0.4), dice.uniform(0.3, 0.7) * height

    def colour(x: int, y: int) -> Colour:
        light = 118 + 70 * math.sin(x / width * math.pi) + 18 * math.sin(y / 3.1) + noise[(x * 31 + y * 17) % 4096]
        if abs(y - (start + slope * x)) < 2.2:
            light -= 75
        grey = max(0, min(255, int(light)))
        return (grey, grey, min(255, grey + 9))

    return png(width, height, colour)


def diagram(values: list[float], width: int = 360, height: int = 160) -> bytes:
    """A bar diagram of some values."""
    top = max(values)
    bar = width / len(values)

    def colour(x: int, y: int) -> Colour:
        index, inside = int(x // bar), x % bar
        if inside > 4 and height - y < values[index] / top * (height - 10):
            return (37, 111, 173)
        return (235, 240, 245) if y % 40 == 0 else (255, 255, 255)

    return png(width, height, colour)
