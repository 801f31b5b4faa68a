"""The list of commands that a help shows: each with all of its words, which click cuts off at the end of a line."""

from typing import Any

from typer.core import TyperGroup


class WholeHelp(TyperGroup):
    """A group whose help says in full what its commands do."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """As the base class; a short help is not shortened."""
        for command in self.commands.values():
            command.short_help = command.short_help or command.help
        super().format_commands(ctx, formatter)
