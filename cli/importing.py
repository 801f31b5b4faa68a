"""`postbuch import`: old mail into the archive, octet for octet."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from postbuch.archive import audit
from postbuch.archive.errors import UsageError
from postbuch.archive.importer import import_paths
from postbuch.archive.mailfile import is_export
from postbuch.archive.reasons import Incoming
from postbuch.archive.said import Joint
from postbuch.cli import output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import connect, running
from postbuch.cli.language import tell
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load


def import_(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help=_("EML, EMLX, mbox, Maildir or ZIP; folders too."))
    ],
    account: Annotated[
        str, typer.Option(metavar="ADDRESS", help=_("The account that the mail belongs to; an exported ZIP says it."))
    ] = "",
    mailbox: Annotated[
        str, typer.Option(help=_("Mailbox that it is shown in, else Import; an exported ZIP says it."))
    ] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """One result line an item with --json; exit code 1 when an item was refused."""
    loaded = load(config)
    if account and loaded.upstream_for(account) is None:
        raise UsageError(
            _("no [[upstream]] of the configuration serves '{address}'; add its domain to one").format(address=account)
        )
    for path in paths:
        if not path.exists():
            raise UsageError(_("{file}: there is no such file or folder").format(file=path))
        if not (path.is_file() or path.is_dir()):
            raise UsageError(Joint.ABOUT.said(subject=path, what=Incoming.NO_FILE.said()))
        if not (account or is_export(path)):
            raise UsageError(_("{file}: says not whose mail it is; name the account by --account").format(file=path))
    done = refused = 0
    with running(loaded):
        with connect(loaded) as connection:
            names = {"paths": [str(path) for path in paths], "mailbox": mailbox}
            target = f"account {account.lower()}" if account else "accounts"
            audit.record(connection, actor(), ORIGIN, "import", target, after=names)
        items = import_paths(loaded, paths, account.lower(), mailbox)
        for item in output.progress(items, _("Importing"), None, shown=not json):
            if item.refused:
                refused += 1
            else:
                done += 1
            if json:
                output.print_json_line(asdict(item))
            elif item.refused:
                output.say_problem(f"{item.source}: {tell(item.reason)}")
    if not json:
        output.say(_("{done} imported, {refused} refused").format(done=done, refused=refused))
    raise typer.Exit(1 if refused else 0)
