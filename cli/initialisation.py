"""`postbuch init`: data folder, keys, CA, database and the first admin. Harmless when run again."""

from pathlib import Path
from typing import Annotated

import typer

from postbuch.archive import setup
from postbuch.certs import authority
from postbuch.cli import output, preflight
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load

ADMIN = "admin"


def init(
    admin_email: Annotated[str, typer.Option(help=_("Log-in name of the first administrator."))] = "",
    admin_password_file: Annotated[
        Path | None, typer.Option(help=_("File whose first line is the password; - is standard input."))
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make what is missing and leave alone what is there."""
    loaded = load(config)
    preflight.check_writable(loaded.data)
    files = authority.initialise(loaded.data, authority.server_names(loaded))
    setup.initialise(loaded)
    created = _make_admin(loaded, admin_email, admin_password_file)
    if json:
        output.print_json({"data_dir": loaded.data_dir, "ca_file": str(files.ca), "admin_created": created})
        return
    output.say(_("Set up in {folder}.").format(folder=loaded.data))
    output.say(_("Mail programs and browsers must trust {file}.").format(file=files.ca))
    output.say(_("Next: `postbuch up`."))
