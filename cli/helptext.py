"""How the help and the errors of the library that reads the command line are shown: in full, and in German as well.

The library says its own words in English. Texts that a newer one says otherwise stay English; a test notices.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from postbuch.cli.language import translate as _

Function = TypeVar("Function", bound=Callable[..., Any])

# What Python calls the type of a value says nothing to an administrator.
_TYPE = re.compile(r"^(  +(?P<option>-)?.*?) (?P<type><(?:str|path|int(?: range)?|list\[\w+\])>)", re.MULTILINE)
_VALUES = {"<str>": _("TEXT"), "<path>": "FILE", "<int>": _("NUMBER"), "<int range>": _("NUMBER")}
# Pieces of a help; the first of each pair is the library's.
_PIECES = (
    ("Usage: ", _("Usage: ")),
    ("[OPTIONS]", _("[OPTIONS]")),
    ("COMMAND [ARGS]...", _("COMMAND [ARGS]...")),
    ("\nOptions:\n", _("\nOptions:\n")),
    ("\nCommands:\n", _("\nCommands:\n")),
    ("\nArguments:\n", _("\nArguments:\n")),
    ("Show this message and exit.", _("Show this message and exit.")),
    ("[required]", _("[required]")),
    ("[default: ", _("[default: ")),
)
# Whole sentences about what was wrong; the parts in parentheses are put into ours under their names.
_SENTENCES = (
    (
        r"No such option: (?P<name>\S+) \(Possible options: (?P<others>.*)\)",
        _("There is no option {name} here; there is {others}."),
    ),
    (r"No such option: (?P<name>\S+)", _("There is no option {name} here.")),
    (
        r"No such command (?P<name>'.*')\. Did you mean (?P<others>.*)\?",
        _("There is no command {name}; did you mean {others}?"),
    ),
    (r"No such command (?P<name>'.*')\.", _("There is no command {name}.")),
    (r"Missing command\.", _("The command is missing.")),
    (r"Missing argument (?P<name>'.*')\.(?: .*)?", _("The argument {name} is missing.")),
    (r"Missing option (?P<name>'.*')\.(?: .*)?", _("The option {name} is missing.")),
    (r"Option (?P<name>'.*') requires an argument\.", _("The option {name} needs a value.")),
    (r"Option (?P<name>'.*') does not take a value\.", _("The option {name} takes no value.")),
    (r"Got unexpected extra argument\(s\) \((?P<what>.*)\)", _("Too much was given: {what}.")),
    (
        r"Invalid value for (?P<name>.*?): (?:Value error, )?'(?P<value>.*?)' is not one of (?P<others>'.*')\.",
        _("'{value}' is no value of {name}, which takes {others}."),
    ),
    (
        r"Invalid value for (?P<name>.*?): Input should be a valid integer.*",
        _("The value of {name} is no whole number."),
    ),
    (
        r"Invalid value for (?P<name>.*?): Input should be greater than or equal to (?P<least>\d+)",
        _("The value of {name} must be {least} or more."),
    ),
    (
        r"Invalid value for (?P<name>.*?): Input should be less than or equal to (?P<most>\d+)",
        _("The value of {name} must be {most} or less."),
    ),
)


class WholeCommand(TyperCommand):
    """A command with such a help."""

    def get_help(self, ctx: Any) -> str:
        """As the base class."""
        return _spoken(super().get_help(ctx))


class WholeGroup(TyperGroup):
    """A group of commands with such a help, whose list says in full what they do."""

    def get_help(self, ctx: Any) -> str:
        """As the base class."""
        return _spoken(super().get_help(ctx))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """As the base class; a short help is not cut off at the end of a line."""
        for command in self.commands.values():
            command.short_help = command.short_help or command.help
        super().format_commands(ctx, formatter)


class Commands(typer.Typer):
    """A group that is filled with `command`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=WholeGroup, no_args_is_help=True, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Function], Function]:
        """As the base class."""
        return super().command(name, cls=WholeCommand, **settings)


def wrong_use(error: TyperException) -> tuple[str, str]:
    """How the command is used, and what was wrong; no words for the latter where nothing was given at all."""
    context = getattr(error, "ctx", None)
    text = _sentence(error.format_message())
    if context is None:
        return "", text
    usage = _spoken(context.get_usage())
    if text.startswith(usage):  # the error is the whole help
        return text, ""
    return usage, text + " " + _("`{command} --help` says more.").format(command=context.command_path)


def _spoken(text: str) -> str:
    text = _TYPE.sub(_without_type, text)
    for theirs, ours in _PIECES:
        text = text.replace(theirs, ours)
    return text


def _without_type(found: re.Match[str]) -> str:
    """An option is to show that it takes a value; an argument is one. As wide as before, for what stands behind it."""
    value = _VALUES.get(found["type"], "") if found["option"] else ""
    return found[1] + " " + value.ljust(len(found["type"]))


def _sentence(text: str) -> str:
    for pattern, ours in _SENTENCES:
        found = re.fullmatch(pattern, text, re.DOTALL)
        if found is not None:
            return ours.format(**found.groupdict())
    return text
