"""The `postbuch` command: puts the command groups together and turns every failure into one sentence."""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module, metadata
from typing import Annotated, Any, NamedTuple

import typer
from typer.exceptions import TyperException

from postbuch.archive import said, systemwords
from postbuch.archive.errors import PostbuchError, ServiceMissing
from postbuch.archive.reasons import Reason
from postbuch.cli import output
from postbuch.cli.helptext import Commands, wrong_use
from postbuch.cli.language import tell
from postbuch.cli.language import translate as _

# Shows where an error of ours comes from; never needed for a wrong call.
TRACEBACK_VARIABLE = "POSTBUCH_TRACEBACK"
_INTERRUPTED = 130  # 128 + SIGINT, as shells count


class Command(NamedTuple):
    """Where a command is, or with `name` "app" a group of them, and what the help says of it."""

    module: str
    name: str
    help: str
    hidden: bool = False


# In the order of the help. A command's module is loaded when it is asked for: all of them take a second and a half.
COMMANDS = {
    "up": Command("up", "up", _("Run everything in the foreground; says `postbuch: ready` when all listeners accept.")),
    "run": Command("up", "run", _("Run one process alone, for systemd units; `up` runs all of them."), hidden=True),
    "init": Command(
        "initialisation", "init", _("Make the data folder, keys, certificates, database and the first administrator.")
    ),
    "status": Command("status", "status", _("Say whether the books balance and what is wrong.")),
    "search": Command("mail", "search", _("Find letters, newest first.")),
    "get": Command("mail", "get", _("Give out the octets of a message, unaltered.")),
    "show": Command("mail", "show", _("Show everything that is known about a letter.")),
    "import": Command("importing", "import_", _("Bring in old mail: EML, EMLX, mbox, Maildir, ZIP of these.")),
    "export": Command(
        "exporting", "export_", _("Write what a search finds as EML, mbox, ZIP with a manifest, or as a table.")
    ),
    "put": Command("putting", "put", _("Put what a search finds back into mailboxes at the provider, never twice.")),
    "sync": Command("syncing", "sync", _("Collect from the provider now, with progress; or pause and resume that.")),
    "verify": Command(
        "evidence", "verify", _("Check the archive against its ledger; exit code 1 when anything is not as it was.")
    ),
    "prove": Command("evidence", "prove", _("Write a proof of a message that anyone can check without Postbuch.")),
    "checkpoint": Command(
        "evidence", "checkpoint", _("Sign the ledger now and write the checkpoint to every folder.")
    ),
    "audit": Command("auditing", "audit", _("Show who did what, newest first.")),
    "backup": Command("backups", "backup_", _("Write everything to a folder on another disk, while all goes on.")),
    "restore": Command("backups", "restore", _("Bring a backup back into an empty data folder.")),
    "reindex": Command("reindexing", "reindex", _("Make the index of the search anew.")),
    "doctor": Command(
        "doctor", "doctor", _("Look at everything that must be well; says what is not and what to do.")
    ),
    "account": Command("accounts", "app", _("Accounts at the mail provider.")),
    "user": Command("people", "app", _("People who log in to the web, and their rights.")),
    "department": Command("departments", "app", _("Departments: their members read their accounts.")),
    "config": Command("configuration", "app", _("The configuration file: an example, a check.")),
}


def make_app(words: Sequence[str]) -> typer.Typer:
    """The command that the words ask for; for who asks for none, or for one that there is not, what the help needs."""
    app = Commands(
        name="postbuch",
        help=_("Postbuch archives every message that passes between mail programs and the mail provider."),
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)  # or a single command would need no name
    asked = words[0] if words else ""
    for name, command in COMMANDS.items():
        if asked == name:
            _add(app, name, command, getattr(import_module(f"postbuch.cli.{command.module}"), command.name))
        elif asked not in COMMANDS:
            _add(app, name, command, Commands() if command.name == "app" else _only_for_the_help)
    return app


def _add(app: typer.Typer, name: str, command: Command, what: typer.Typer | Callable[..., Any]) -> None:
    if isinstance(what, typer.Typer):
        app.add_typer(what, name=name, help=command.help)
    else:
        app.command(name, help=command.help, hidden=command.hidden)(what)


def _show_version(asked: bool) -> None:
    if asked:
        output.print_line(f"postbuch {metadata.version('postbuch')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help=_("Show the version."))
    ] = False,
) -> None:
    """What is the same for all commands."""


def _only_for_the_help() -> None:
    """Stands for a command that was not asked for."""


def run() -> None:
    """The entry point. Exit codes: 0 done, 1 done and found something, 2 wrong use, 3 a service is missing."""
    words = sys.argv[1:]
    try:
        code = make_app(words)(prog_name="postbuch", standalone_mode=False)  # what raises typer.Exit gives its code
    except TyperException as error:
        usage, sentence = wrong_use(error)
        if usage:
            output.say(usage)
        if not sentence:
            sys.exit(error.exit_code)
        _fail(sentence, error.exit_code)
    except typer.Abort:
        _fail(_("broken off; nothing was done"), 1)
    except PostbuchError as error:
        _fail(said.of(error), error.exit_code)
    except PermissionError as error:
        _fail(
            _(
                "{file}: {cause}; call this command as the user that runs Postbuch, for example by `sudo -u postbuch`"
            ).format(file=error.filename or "postbuch", cause=tell(systemwords.cause(error))),
            2,
        )
    except MemoryError:
        _fail(Reason.NO_MEMORY.said(), ServiceMissing.exit_code)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            traceback.print_exc()
        _fail(
            _("an error in Postbuch itself: {error}; please report it with what {variable}=1 shows").format(
                error=f"{type(error).__name__}: {error}", variable=TRACEBACK_VARIABLE
            ),
            1,
        )
    else:
        sys.exit(code)


def _fail(sentence: str, code: int) -> None:
    if "--json" in sys.argv[1:]:
        output.print_json({"error": sentence, "exit_code": code})
    output.say_problem(tell(sentence))
    sys.exit(code)


if __name__ == "__main__":
    run()
