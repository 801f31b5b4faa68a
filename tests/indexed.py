"""An index for tests of the search: made by the indexer's own code, without its process."""

from sqlalchemy import Engine

from postbuch.archive.config import Config
from postbuch.archive.index_follower import Follower
from postbuch.archive.sealer import Sealer


def follow(config: Config, engine: Engine) -> None:
    """Seal what there is and bring the index up to it; the first time that makes one."""
    Sealer(engine).seal()
    follower = Follower(engine, config.data, lambda: False)
    try:
        follower.round()
        follower.round()
    finally:
        follower.close()
