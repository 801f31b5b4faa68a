"""`postbuch backup` and `restore`: everything out to another disk while it runs, and back into an empty folder."""

from pathlib import Path
from typing import Annotated

import typer

from postbuch.archive import audit, backup, backupcopies, backupfiles, database, restoration
from postbuch.archive import config as configuration
from postbuch.archive.backupfiles import Manifest
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.cli import output, preflight
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.language import tell
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption


def backup_(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help=_("A folder on another disk; may hold older ones."))],
    thorough: Annotated[
        bool, typer.Option("--thorough", help=_("Read all attachments that the target has, not only a part of them."))
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Exit code 1 when an attachment could not be read, or was damaged in the target; the rest is there."""
    config_file = configuration.locate(config)
    loaded = configuration.load(config_file)
    preflight.check_initialised(loaded)
    with database.running(loaded):
        # Not held to the version of its tables: a backup comes before an update.
        with database.connection(loaded, Role.WEB) as connection:
            audit.record(connection, actor(), ORIGIN, "backup", "archive", after={"target": str(target.absolute())})
        with output.Bars(shown=not json) as bars:
            folder, manifest = backup.make(
                loaded, config_file, target, actor(), _shown(bars), thorough=thorough
            )
    if json:
        output.print_json({"folder": str(folder), **backupfiles.facts(manifest)})
    else:
        _print(manifest)
        label = _("Attachments whose octets were compared now")
        output.print_line(f"{label}: {manifest.objects_read}")
        output.say(_("The backup is whole: {folder}").format(folder=folder))
        output.say(_("It holds keys and passwords: keep it where nobody else can read it."))
    _end((*manifest.problems, *manifest.mended))


def restore(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help=_("The folder of backups, or one of them."))],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Exit code 1 when an attachment is not there any more; `verify --full` names its messages."""
    if not source.is_dir():
        raise UsageError(_("{file}: there is no such file or folder").format(file=source))
    found = backupfiles.newest(source)
    config_file = configuration.locate(config)
    if not config_file.exists():
        restoration.put_configuration(found, config_file)
        if not json:
            output.say(_("The configuration of the backup is now {file}.").format(file=config_file))
    loaded = configuration.load(config_file)
    with output.Bars(shown=not json) as bars:
        manifest, problems = restoration.restore(loaded, found, actor(), ORIGIN, _shown(bars))
    if json:
        facts = {**backupfiles.facts(manifest), "problems": problems}
        output.print_json({"folder": str(found.folder), "data_dir": loaded.data_dir, **facts})
    else:
        _print(manifest)
        output.say(_("Restored in {folder}.").format(folder=loaded.data))
        output.say(_("Next: `postbuch verify --full`, then `postbuch up`."))
    _end(tuple(problems))


def _shown(bars: output.Bars) -> backupcopies.Progress:
    words = {
        "spool": _("Spool"), "files": _("Keys and files"), "database": _("Database"), "objects": _("Attachments"),
        "names": _("Names of attachments"),
    }  # fmt: skip
    return lambda what, done, total: bars.show(words[what], done, total, "")


def _print(manifest: Manifest) -> None:
    tables = backupfiles.facts(manifest)["tables"]
    for label, name in ((_("Letters"), "letter"), (_("Images (distinct messages)"), "image"),
                        (_("Sightings"), "sighting")):  # fmt: skip
        output.print_line(f"{label}: {tables[name]}")
    for label, value in ((_("Attachments"), manifest.objects), (_("As of"), manifest.made_at)):
        output.print_line(f"{label}: {value}")


def _end(problems: tuple[str, ...]) -> None:
    for problem in problems:
        output.say_problem(tell(problem))
    raise typer.Exit(1 if problems else 0)
