"""Passwords: read from a file or typed at a terminal, never from the command line, where other users see them."""

import sys
from pathlib import Path

import typer

from postbuch.archive import systemwords
from postbuch.archive.errors import UsageError
from postbuch.cli.language import tell
from postbuch.cli.language import translate as _

# NIST SP 800-63B section 5.1.1.2: at least 8 characters.
SHORTEST_CHARACTERS = 8


def read_password(file: Path | None, label: str, *, new: bool) -> str:
    """The first line of `file` (`-` is standard input), else what is typed. Raises UsageError."""
    if file is not None:
        password = _from_file(file)
    elif sys.stdin.isatty():
        password = typer.prompt(label, hide_input=True, confirmation_prompt=new, err=True)
    else:
        raise UsageError(_("there is no terminal to ask for the password; name a file that holds it"))
    if not password:
        raise UsageError(_("the password is empty"))
    if new and len(password) < SHORTEST_CHARACTERS:
        raise UsageError(_("the password is shorter than {count} characters").format(count=SHORTEST_CHARACTERS))
    return password


def _from_file(file: Path) -> str:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        text = _("{file}: cannot be read: {cause}").format(file=file, cause=tell(systemwords.cause(error)))
        raise UsageError(text) from None
    except UnicodeDecodeError:
        raise UsageError(_("{file}: is not UTF-8 text").format(file=file)) from None
    return (text.splitlines() or [""])[0]
