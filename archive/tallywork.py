"""The count of attachments and senders goes on behind the drains. A job of the archive process (`tally.py`)."""

import logging
import time
from collections.abc import Callable

from sqlalchemy import Engine

from postbuch.archive import tally

log = logging.getLogger("postbuch.archive")

# How long one call works.
TURN_S = 5.0
# Two drains commit out of order, by some hundred sightings; what comes later still is found when all is looked through.
NEAR = 2000
FAR_EVERY_S = 3600.0


class TallyWork:
    """One thread."""

    def __init__(self, engine: Engine, stopped: Callable[[], bool] = lambda: False) -> None:
        self._engine = engine
        self._stopped = stopped
        self._above = 0
        self._far_at = time.monotonic() + FAR_EVERY_S

    def look(self) -> str:
        """Count what is not counted yet, for some seconds. Raises what the database raises."""
        end = time.monotonic() + TURN_S
        if time.monotonic() > self._far_at:
            self._far_at, self._above = time.monotonic() + FAR_EVERY_S, 0
        above, counted = max(self._above - NEAR, 0), 0
        while time.monotonic() < end and not self._stopped():
            with self._engine.begin() as conn:
                upto, done = tally.step(conn, above)
            counted += done
            if upto is None:
                break
            if done < tally.BATCH:
                above = self._above = upto
        if counted:
            log.info("counted images=%d", counted)
        return ""
