"""For tests: all attachments and senders counted at once, which the archive process does a few seconds at a time."""

from sqlalchemy import Engine

from postbuch.archive import tally


def catch_up(engine: Engine) -> None:
    """Count all that is not counted yet."""
    above = 0
    while True:
        with engine.begin() as conn:
            upto, done = tally.step(conn, above)
        if upto is None:
            return
        above = above if done == tally.BATCH else upto
