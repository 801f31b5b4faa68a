"""What the spool holds, for tests that read it beside a living writer."""

import time
from pathlib import Path

from postbuch.archive import spool
from postbuch.archive.record import Record

# Records stay in a segment for 0.1 s; a busy machine takes longer, and a killed writer leaves its segment for good.
PATIENCE_S = 3.0


def everything(folder: Path) -> list[Record]:
    """Every record, when those in segments have been published."""
    return [record for path in published(folder) for record in spool.read(path)]


def published(folder: Path) -> list[Path]:
    """The spool files, when no segment is being written any more."""
    end = time.monotonic() + PATIENCE_S
    while any((folder / "tmp").glob("*.seg")) and time.monotonic() < end:
        time.sleep(0.01)
    return spool.waiting(folder)
