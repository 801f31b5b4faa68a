"""`postbuch export`: what a search finds as files that are read without Postbuch, octet for octet."""

from collections.abc import Iterator
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Engine

from postbuch.archive import accounts, audit, database, export, exportfile
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.archive.export import Export, Message, Missing
from postbuch.archive.users import ALL, Rights
from postbuch.cli import output, preflight
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load


class Form(Enum):
    """What an export is written as."""

    EML = "eml"
    MBOX = "mbox"
    ZIP = "zip"


_FORMS = ", ".join(form.value for form in Form)


def export_(
    query: Annotated[list[str], typer.Argument(help=_('Words, "phrases" and from: subject: before: has:attachment …'))],
    output_path: Annotated[
        Path, typer.Option("--output", metavar="FILE", help=_("Where to write; for eml a file NAME.eml or a folder."))
    ],
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help=_("eml, mbox or zip."))] = Form.ZIP.value,
    account: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help=_("Only what was seen in this account; may be given more than once.")),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help=_("Replace a file of that name."))] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Exit code 1 when a message could not be read; the others are there."""
    wanted = _form(form)
    loaded = load(config)
    preflight.check_initialised(loaded)
    words = " ".join(query)
    missing: list[Missing] = []
    with database.running(loaded), database.pool(loaded, Role.WEB) as engine:
        found, images = _find(loaded, engine, words, account or [], wanted, output_path)
        head = {"made_at": f"{audit.now().isoformat()}Z", "made_by": actor(), "query": words}
        messages = _write(wanted, found, output_path, missing, head, images, force=force)
        done = octets = 0
        for message in output.progress(messages, _("Exporting"), images, shown=not json):
            done, octets = done + 1, octets + message.size_octets
    if json:
        output.print_json({
            "output": str(output_path), "format": wanted.value, "letters": len(found.letters), "messages": done,
            "size_octets": octets, "missing": [asdict(each) for each in missing],
        })
    else:
        output.say(_("{messages} messages of {letters} letters are in {file}").format(
            messages=done, letters=len(found.letters), file=output_path
        ))
    for each in missing:
        output.say_problem(_("letter {letter} could not be read: {reason}").format(**asdict(each)))
    raise typer.Exit(1 if missing else 0)


def _form(text: str) -> Form:
    try:
        return Form(text.lower())
    except ValueError:
        raise UsageError(
            _("'{format}' is not a format that can be written; there are {formats}").format(format=text, formats=_FORMS)
        ) from None


def _find(
    config: Config, engine: Engine, words: str, addresses: list[str], form: Form, path: Path
) -> tuple[Export, int]:
    """What goes out and how many messages that is; on record before anything is written."""
    with engine.begin() as conn:
        rights: Rights = ALL
        if addresses:
            rights = frozenset(accounts.number_of(conn, each) for each in addresses)
        found = export.find(conn, words, rights)
        images, octets = export.volume(conn, found, rights)
        after: dict[str, Any] = {
            "query": words, "accounts": addresses, "format": form.value, "output": str(path), "letters": len(found),
            "messages": images, "size_octets": octets,
        }
        audit.record(conn, actor(), ORIGIN, "export", "letters", after=after)
    return Export(engine, config, rights, found), images


def _write(
    form: Form, found: Export, path: Path, missing: list[Missing], head: dict[str, Any], images: int, *, force: bool
) -> Iterator[Message]:
    messages = export.read(found, missing)
    if form is Form.ZIP:
        return exportfile.write_zip(path, found, missing, head, replace=force)
    if form is Form.MBOX:
        return exportfile.write_mbox(path, messages, replace=force)
    if path.suffix.lower() != ".eml":
        return exportfile.write_folder(path, messages)
    if images != 1:
        raise UsageError(
            _("{count} messages were found and a file of the format eml holds one; name a folder, or use mbox").format(
                count=images
            )
        )
    return exportfile.write_message(path, messages, replace=force)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("export", help=_("Write what a search finds as EML, mbox, or ZIP with a manifest."))(export_)
