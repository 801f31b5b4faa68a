"""`postbuch verify`, `prove` and `checkpoint`: whether everything is as it was, and how others can tell."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Engine

from postbuch.archive import audit, checkpoints, database, letters, proof, systemwords
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.archive.verification import Verification
from postbuch.archive.wrong import Wrong
from postbuch.cli import output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import connect, running
from postbuch.cli.language import tell
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load


def verify(
    full: Annotated[bool, typer.Option("--full", help=_("Everything, not only what is new and a sample."))] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help=_("Do not go on where a full check was broken off."))
    ] = False,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help=_("A checkpoint that was kept elsewhere; may be given more than once.")),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Exit code 1 on any finding. Ctrl-C is harmless: a full check goes on where it was."""
    loaded = load(config)
    for path in checkpoint or ():
        _require_readable(path)
    with connect(loaded) as connection:
        after = {"full": full, "checkpoints": [str(path) for path in checkpoint or ()]}
        audit.record(connection, actor(), ORIGIN, "verify", "ledger", after=after)
    with _engine(loaded) as engine, output.counter(_("Checking"), shown=not json) as advance:
        report = Verification(loaded, engine, advance).run(full=full, external=checkpoint or (), restart=restart)
    found = report.as_json()
    if json:
        output.print_json(found)
    else:
        _print_report(found)
    raise typer.Exit(0 if found["ok"] else 1)


def _require_readable(path: Path) -> None:
    """A mistyped name is no finding, which would be on record for good."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise UsageError(Wrong.UNREADABLE.said(path=path, cause=systemwords.cause(error))) from None


def _print_report(found: dict[str, Any]) -> None:
    for name, count in sorted(found["checked"].items()):
        output.print_line(f"{name}: {count}")
    for each in found["findings"]:
        output.print_mark(False, f"{each['kind']} {each['where']}", tell(each["detail"]))
    if found["found"] > len(found["findings"]):
        output.say(_("{count} findings; the first {listed} are listed").format(
            count=found["found"], listed=len(found["findings"])
        ))
    if found["resumed_at"]:
        output.say(_("The check went on at leaf {leaf}, where it was broken off; --restart reads everything.").format(
            leaf=found["resumed_at"]
        ))
    output.say(_("Everything is as it was.") if found["ok"] else _("Something is not as it was."))


def prove(
    reference: Annotated[str, typer.Argument(metavar="ID|SHA256", help=_("Number of the letter, or a digest."))],
    output_file: Annotated[Path, typer.Option("--output", metavar="FILE.zip", help=_("Where to write the proof."))],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write a proof."""
    loaded = load(config)
    with _engine(loaded) as engine:
        with connect(loaded) as connection:
            audit.record(connection, actor(), ORIGIN, "find", f"reference {reference}")
        with connect(loaded) as connection:
            image = letters.find_image(connection, reference)
            audit.record(connection, actor(), ORIGIN, "prove", f"image {image.sha256}")
        try:
            made = proof.write(loaded, engine, image, output_file)
        except OSError as error:
            raise UsageError(
                _("{file}: cannot be written: {cause}").format(file=output_file, cause=tell(systemwords.cause(error)))
            ) from None
    if json:
        output.print_json({
            "sha256": made.sha256, "tree_size": made.size, "key": made.key, "leaves": made.leaves,
            "output": str(output_file),
        })
        return
    output.print_line(str(output_file))
    output.say(_("Give this line to whoever shall check it, by another way: {key}").format(key=made.key))


def checkpoint(
    rotate: Annotated[
        bool, typer.Option("--rotate-key", help=_("Sign with a new key from now on; the old one introduces it."))
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Exit code 1 when a folder or the authority did not take it."""
    loaded = load(config)
    with _engine(loaded) as engine:
        with connect(loaded) as connection:
            audit.record(connection, actor(), ORIGIN, "rotate-key" if rotate else "checkpoint", "ledger")
        made = checkpoints.make(loaded, engine, rotate=rotate)
    if json:
        output.print_json({
            "number": made.number, "tree_size": made.size, "root": made.root.hex(), "note": made.note,
            "problems": list(made.problems),
        })
    else:
        output.print_line(made.note)
    for problem in made.problems:
        output.say_problem(tell(problem))
    raise typer.Exit(1 if made.problems else 0)


@contextlib.contextmanager
def _engine(config: Config) -> Iterator[Engine]:
    """Connections as the user `ingest`, with the database started for the time of the command."""
    with running(config), database.pool(config, Role.INGEST) as engine:
        yield engine
