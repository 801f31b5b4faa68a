"""`postbuch search`, `get` and `show`: finding a letter, its octets, everything that is known about it."""

from pathlib import Path
from typing import Annotated

import typer

from postbuch.archive import audit, letters
from postbuch.archive import search as searching
from postbuch.archive.errors import UsageError
from postbuch.archive.users import ALL
from postbuch.cli import output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import connect
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load

DEFAULT_LIMIT = 50


def search(
    query: Annotated[list[str], typer.Argument(help=_('Words, "phrases" and from: subject: before: has:attachment …'))],
    limit: Annotated[int, typer.Option(min=1, help=_("At most so many results, newest first."))] = DEFAULT_LIMIT,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Find letters."""
    words = " ".join(query)
    with connect(load(config)) as connection:
        # On record before anything is shown.
        audit.record(connection, actor(), ORIGIN, "search", "letters", after={"query": words})
        found = searching.search(connection, words, ALL, limit=limit)
    if json:
        output.print_json({"total": found.total, "results": found.rows})
        return
    output.print_table(
        ("ID", _("Date"), _("From"), _("Subject")),
        [(row["id"], row["date"], row["from"], row["subject"]) for row in found.rows],
    )
    output.say(_("{shown} of {total} letters").format(shown=len(found.rows), total=found.total))


ReferenceArgument = Annotated[str, typer.Argument(metavar="ID", help=_("Number of the letter."))]


def get(
    reference: Annotated[str, typer.Argument(metavar="ID|SHA256", help=_("Number of the letter, or a digest."))],
    output_file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help=_("Where to write; else standard output."))
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Give out the octets."""
    if json and output_file is None:
        raise UsageError(_("with --json name a file for the octets by --output"))
    loaded = load(config)
    with connect(loaded) as connection:
        image = letters.find_image(connection, reference)
        audit.record(connection, actor(), ORIGIN, "get", f"image {image.sha256}")
        octets = letters.octets(connection, loaded, image.id)
    if output_file is None:
        output.print_octets(octets)
        return
    try:
        output_file.write_bytes(octets)
    except OSError as error:
        raise UsageError(
            _("{file}: cannot be written: {cause}").format(file=output_file, cause=error.strerror)
        ) from None
    if json:
        output.print_json({"sha256": image.sha256, "size_octets": len(octets), "output": str(output_file)})


def show(reference: ReferenceArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Everything that is known."""


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(help=_("Find letters, newest first."))(search)
    app.command(help=_("Give out the octets of a message, unaltered."))(get)
    app.command(help=_("Show everything that is known about a letter."))(show)
