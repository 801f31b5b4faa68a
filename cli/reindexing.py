"""`postbuch reindex`: makes the index of the search anew, beside the old one and beside normal use.

With `--names` the readable names of the attachments that are missing, instead.
"""

from typing import Annotated

import typer

from postbuch.archive import audit, database, readable
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.index_follower import make_anew
from postbuch.archive.objects import ObjectStore
from postbuch.cli import output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import running
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load


def reindex(
    names: Annotated[
        bool, typer.Option("--names", help=_("Missing readable names of attachments, and not the index."))
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Searches are answered by the old index until the new one is whole. Broken off, it goes on the next time."""
    loaded = load(config)
    if names:
        made = _names(loaded, shown=not json)
        if json:
            output.print_json({"names": made})
        else:
            output.say(_("Readable names made: {names}").format(names=made))
        return
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


def _names(config: Config, *, shown: bool) -> int:
    """How many names were made."""
    with running(config):
        with database.connection(config, Role.WEB) as conn:
            audit.record(conn, actor(), ORIGIN, "reindex", "attachments")
        with database.connection(config, Role.WEB) as conn, output.counter(_("Letters"), shown=shown) as advance:
            return readable.make(conn, ObjectStore(config.data), advance)
