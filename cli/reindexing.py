"""`postbuch reindex`: makes the index of the search anew, beside the old one and beside normal use."""


from postbuch.archive import audit, database
from postbuch.archive.database import Role
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.index_follower import make_anew
from postbuch.cli import output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import running
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load


def reindex(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Searches are answered by the old index until the new one is whole. Broken off, it goes on the next time."""
    loaded = load(config)
    with running(loaded):
        with database.connection(loaded, Role.WEB) as conn:
            audit.record(conn, actor(), ORIGIN, "reindex", "index")
        with (
            database.pool(loaded, Role.WEB) as engine,
            output.counter(_("Letters"), shown=not json) as advance,
        ):
            letters = make_anew(engine, loaded.data, lambda: False, advance)
    if letters is None:
        raise ServiceMissing(_("the index is being made by another process; wait for it"))
    if json:
        output.print_json({"letters": letters})
    else:
        output.say(_("The index has {letters} letters.").format(letters=letters))
