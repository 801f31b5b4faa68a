"""`postbuch export`: what a search finds as files that are read without Postbuch, octet for octet, or as a table."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, Engine

from postbuch.archive import accounts, audit, database, export, export_list, exportfile
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.archive.export import Export, Message, Missing
from postbuch.archive.export_list import Asked
from postbuch.archive.export_table import Form as TableForm
from postbuch.archive.users import ALL, Rights
from postbuch.cli import output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import running
from postbuch.cli.language import LANGUAGE, LANGUAGES, translate_plural
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load
from postbuch.webmail.titles import titles

SHOWN_EVERY = 200


class Form(Enum):
    """What an export is written as."""

    EML = "eml"
    MBOX = "mbox"
    ZIP = "zip"
    CSV = "csv"
    XLSX = "xlsx"
    XML = "xml"
    SQL = "sql"
    JSON = "json"

    @property
    def is_table(self) -> bool:
        return self.value in {each.value for each in TableForm}


_FORMS = ", ".join(form.value for form in Form)


def export_(
    query: Annotated[list[str], typer.Argument(help=_('Words, "phrases" and from: subject: before: has:attachment …'))],
    output_path: Annotated[
        Path, typer.Option("--output", metavar="FILE", help=_("Where to write; for eml a file NAME.eml or a folder."))
    ],
    form: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", help=_("Messages: eml, mbox, zip; a table: csv, xlsx, xml, sql, json.")
        ),
    ] = Form.ZIP.value,
    account: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help=_("Only what was seen in this account; may be given more than once.")),
    ] = None,
    columns: Annotated[
        str,
        typer.Option(metavar="NAMES", help=_("Columns of a table, with commas between; else the usual ones.")),
    ] = "",
    list_name: Annotated[
        str, typer.Option("--list", metavar="NAME", help=_("Which list a table is of: letters, topics …"))
    ] = export_list.MESSAGE_VIEW,
    language: Annotated[
        str, typer.Option(metavar="LANGUAGE", help=_("Language of the titles of columns: de or en."))
    ] = LANGUAGE,
    excel: Annotated[
        bool,
        typer.Option("--excel", help=_("CSV that Excel opens with a double click (byte order mark; in German `;`).")),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help=_("Replace a file of that name."))] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Exit code 1 when a message could not be read; the others are there."""
    wanted = _form(form)
    if str(output_path) == "-":
        raise UsageError(_("an export is written to a file, not to standard output; name one by --output"))
    loaded = load(config)
    words = " ".join(query)
    if wanted.is_table:
        names = tuple(each.strip() for each in columns.split(",") if each.strip())
        if language not in LANGUAGES:
            raise UsageError(_("'{language}' is not a language; there are {languages}").format(
                language=language, languages=", ".join(LANGUAGES)
            ))
        asked = export_list.ask(
            wanted.value, list_name, {"q": words}, names, titles(language), language=language,
            semicolon=excel and language == "de", byte_order_mark=excel,
        )
        _table(loaded, asked, account or [], output_path, force=force, json=json)
        return
    missing: list[Missing] = []
    with running(loaded), database.pool(loaded, Role.WEB) as engine:
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
        number = len(found.letters)
        output.say(_("{file} holds {messages} of {letters}").format(
            file=output_path, messages=translate_plural("{count} message", "{count} messages", done).format(count=done),
            letters=translate_plural("{count} letter", "{count} letters", number).format(count=number),
        ))
    for each in missing:
        output.say_problem(_("letter {letter} could not be read: {reason}").format(**asdict(each)))
    raise typer.Exit(1 if missing else 0)


def _table(config: Config, asked: Asked, addresses: list[str], path: Path, *, force: bool, json: bool) -> None:
    """One file with a row for each thing that the list shows; on record before it is written."""
    with running(config), database.pool(config, Role.WEB) as engine:
        with engine.begin() as conn:
            rights = _rights(conn, addresses)
            total = export_list.count(conn, asked, rights, None)
            after = {**asked.as_record(), "accounts": addresses, "output": str(path), "count": total}
            audit.record(conn, actor(), ORIGIN, "export", asked.view, after=after)
        with (
            engine.connect() as conn, exportfile.new_file(path, replace=force) as stream,
            output.counter(_("Exporting"), shown=not json) as advance,
        ):  # fmt: skip
            rows = export_list.write_table(
                conn, stream, asked, rights, None, lambda done: _show(advance, done, total)
            )
    if json:
        output.print_json({
            "output": str(path), "format": asked.form, "list": asked.view, "rows": rows,
            "size_octets": path.stat().st_size,
        })
    else:
        output.say(translate_plural("{rows} row is in {file}", "{rows} rows are in {file}", rows).format(
            rows=rows, file=path
        ))


def _show(advance: Callable[[int, int], bool], done: int, total: int) -> None:
    """Not each row: drawing the bar would take longer than the rows."""
    if done % SHOWN_EVERY == 0 or done == total:
        advance(done, total)


def _rights(conn: Connection, addresses: list[str]) -> Rights:
    return frozenset(accounts.number_of(conn, each) for each in addresses) if addresses else ALL


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
        rights = _rights(conn, addresses)
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
