"""`postbuch init`: data folder, keys, CA, database and the first admin. Harmless when run again."""

from pathlib import Path
from typing import Annotated

import typer

from postbuch.archive import audit, setup, users
from postbuch.archive.config import Config
from postbuch.archive.errors import UsageError
from postbuch.certs import authority
from postbuch.cli import output, preflight
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import connect
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load
from postbuch.cli.secret import read_password

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
    # Read first: a bad password stops us before anything was made.
    password = read_password(admin_password_file, "", new=True) if admin_password_file else ""
    preflight.check_writable(loaded.data)
    files = authority.initialise(loaded.data, authority.server_names(loaded))
    setup.initialise(loaded)
    created = _make_admin(loaded, admin_email, password)
    if json:
        output.print_json({"data_dir": loaded.data_dir, "ca_file": str(files.ca), "admin_created": created})
        return
    output.say(_("Set up in {folder}.").format(folder=loaded.data))
    output.say(_("Mail programs and browsers must trust {file}.").format(file=files.ca))
    output.say(_("Next: `postbuch up`."))


def _make_admin(config: Config, login: str, password: str) -> bool:
    """Make the first administrator, with a right on all accounts; says whether one was made."""
    with connect(config) as connection:
        admins = [user for user in users.list_users(connection) if user["role"] == ADMIN]
        if any(user["login"] == login.lower() for user in admins) or (admins and not login):
            return False
        if not login:
            raise UsageError(_("name the first administrator by --admin-email"))
        password = password or read_password(None, _("Password for {login}").format(login=login), new=True)
        users.create_user(connection, login, role=ADMIN, password=password)
        users.grant(connection, login, None, by=actor())
        audit.record(connection, actor(), ORIGIN, "user-add", f"user {login.lower()}", after={"role": ADMIN})
    return True
