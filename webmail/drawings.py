"""Small pictures of attachments: drawn in a child, kept as files in the data folder, which can be thrown away.

    thumbnails/ab/<SHA-256>.jpg          empty when the file cannot be drawn
"""

import contextlib
import os
import queue
from collections.abc import Callable
from pathlib import Path

from postbuch.archive.extract_parser import FileParser

# Two children at once; a picture of a telephone takes each 60 ms.
CHILDREN = 2
DRAW_LIMIT_S = 10.0


class Drawings:
    """Thread-safe. `close()` ends the children."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "thumbnails"
        self._free: queue.LifoQueue[FileParser] = queue.LifoQueue()
        for _ in range(CHILDREN):
            self._free.put(FileParser(time_limit_s=DRAW_LIMIT_S))

    def of(self, sha256: bytes, octets: Callable[[], bytes]) -> bytes:
        """A JPEG of the file with this digest; empty when it cannot be drawn."""
        name = sha256.hex()
        path = self._folder / name[:2] / f"{name}.jpg"
        with contextlib.suppress(OSError):
            return path.read_bytes()
        content = octets()
        parser = self._free.get()
        try:
            drawn = parser.draw(content)
        finally:
            self._free.put(parser)
        self._keep(path, drawn or b"")
        return drawn or b""

    def close(self) -> None:
        for _ in range(CHILDREN):
            self._free.get().close()

    @staticmethod
    def _keep(path: Path, drawn: bytes) -> None:
        """A full disk keeps nobody from looking: it is drawn again the next time."""
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            beside = path.with_name(f".{path.name}-{os.getpid()}")
            beside.write_bytes(drawn)
            beside.replace(path)
