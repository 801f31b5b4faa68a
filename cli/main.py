"""The `postbuch` command: puts the command groups together and turns every failure into one sentence."""

import os
import sys
import traceback
from collections.abc import Sequence

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


def make_app(words: Sequence[str]) -> typer.Typer:
    """The whole command. A process that runs for weeks leaves the other commands and their libraries out."""
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
    if words[:1] and words[0] in _LONG_RUNNING:
        app.callback()(lambda: None)
        return app
    from postbuch.cli import (
        accounts,
        auditing,
        backups,
        configuration,
        departments,
        doctor,
        evidence,
        exporting,
        importing,
        initialisation,
        mail,
        people,
        putting,
        reindexing,
        status,
        syncing,
    )

    for module in (
        initialisation, status, mail, importing, exporting, putting, syncing, evidence, auditing, backups, reindexing,
        doctor,
    ):
        module.add_to(app)
    app.add_typer(accounts.app, name="account")
    app.add_typer(people.app, name="user")
    app.add_typer(departments.app, name="department")
    app.add_typer(configuration.app, name="config")
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
