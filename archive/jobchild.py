"""The child process that does one job: `python -I -m postbuch.archive.jobchild`.

Reads one line of JSON (config, job, worker). It ends when its parent does: nothing else holds its standard input open.
Low priority: mail and pages come first.
"""

import json
import logging
import os
import sys
import threading

from postbuch.archive import database, jobs
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.jobwork import Hand

NICE = 10


def main() -> int:
    """0 when the job has ended, one way or the other; else it is taken again."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(NICE)
    config = Config.model_validate_json(json.dumps(asked["config"]))
    with database.pool(config, Role.WEB) as engine:
        with engine.begin() as conn:
            found = jobs.claim(conn, asked["job"], asked["worker"])
        if found is not None:
            Hand(config=config, engine=engine, job=found, worker=asked["worker"]).run()
    return 0


def _end_with_parent() -> None:
    # Not by sys.stdin, whose lock this thread would hold when the interpreter ends.
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
