"""The `postbuch` command: puts the command groups together and turns every failure into one sentence."""

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

import typer

from postbuch.archive import said
from postbuch.archive.errors import PostbuchError
from postbuch.cli import output, up
from postbuch.cli.language import tell
from postbuch.cli.language import translate as _

# Shows where an error of ours comes from; never needed for a wrong call.
TRACEBACK_VARIABLE = "POSTBUCH_TRACEBACK"
_INTERRUPTED = 130  # 128 + SIGINT, as shells count
_LONG_RUNNING = ("up", "run")
# Module → its commands, in the order of the help; group → module.
_COMMANDS = {
    "initialisation": ("init",), "status": ("status",), "mail": ("search", "get", "show"), "importing": ("import",),
    "exporting": ("export",), "putting": ("put",), "syncing": ("sync",),
    "evidence": ("verify", "prove", "checkpoint"), "auditing": ("audit",), "backups": ("backup", "restore"),
    "reindexing": ("reindex",), "doctor": ("doctor",),
}
_GROUPS = {"account": "accounts", "user": "people", "department": "departments", "config": "configuration"}


def make_app(words: Sequence[str]) -> typer.Typer:
    """The whole command, or what of it the words ask for: the other commands' libraries cost a second to load."""
    app = typer.Typer(
        name="postbuch",
        help=_("Postbuch archives every message that passes between mail programs and the mail provider."),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    up.add_to(app)
    asked = words[0] if words else ""
    if asked in _LONG_RUNNING:
        app.callback()(lambda: None)
        return app
    known = asked in _GROUPS or any(asked in commands for commands in _COMMANDS.values())
    for module, commands in _COMMANDS.items():
        if asked in commands or not known:
            import_module(f"postbuch.cli.{module}").add_to(app)
    for group, module in _GROUPS.items():
        if asked == group or not known:
            app.add_typer(import_module(f"postbuch.cli.{module}").app, name=group)
    return app


def run() -> None:
    """The entry point. Exit codes: 0 done, 1 done and found something, 2 wrong use, 3 a service is missing."""
    words = sys.argv[1:]
    try:
        make_app(words)()
    except PostbuchError as error:
        _fail(said.of(error), error.exit_code)
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


def _fail(sentence: str, code: int) -> None:
    if "--json" in sys.argv[1:]:
        output.print_json({"error": sentence, "exit_code": code})
    output.say_problem(tell(sentence))
    sys.exit(code)


if __name__ == "__main__":
    run()
