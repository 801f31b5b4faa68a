"""The options that every command has, written once."""

from pathlib import Path
from typing import Annotated

import typer

from postbuch.archive import config as configuration
from postbuch.archive.config import Config
from postbuch.cli.language import translate as _

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help=_("Configuration file; else the variable POSTBUCH_CONFIG, else ./postbuch.toml."),
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help=_("Print one JSON document and nothing else."))]


# Of more rows `postbuch export` makes a file.
MAX_LIMIT = 1_000_000


def load(given: Path | None) -> Config:
    """The configuration that the command works with. Raises ConfigError with one sentence."""
    return configuration.load(configuration.locate(given))
