"""`postbuch user`: who logs in to the web mail client, and which accounts they may read."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from postbuch.archive import audit, users
from postbuch.archive.errors import NotFound, UsageError
from postbuch.cli import keys, output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import connect
from postbuch.cli.helptext import Commands
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load
from postbuch.cli.secret import read_password

app = Commands()
app.add_typer(keys.app, name="key")

LoginArgument = Annotated[str, typer.Argument(metavar="LOGIN", help=_("Log-in name, an e-mail address."))]


class RoleName(StrEnum):
    """What a user is. An auditor reads everything; what others may read is said by grants and departments."""

    EMPLOYEE = "employee"
    AUDITOR = "auditor"
    ADMIN = "admin"


@app.command(help=_("Add a user with a password of his own."))
def add(
    login: LoginArgument,
    role: Annotated[RoleName, typer.Option(help=_("What the user is."))] = RoleName.EMPLOYEE,
    password_file: Annotated[
        Path | None, typer.Option(help=_("File whose first line is the password; - is standard input."))
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    loaded = load(config)
    password = read_password(password_file, _("Password"), new=True)
    with connect(loaded) as connection:
        user_id = users.create_user(connection, login, role=role.value, password=password)
        audit.record(connection, actor(), ORIGIN, "user-add", f"user {login.lower()}", after={"role": role.value})
    if json:
        output.print_json({"id": user_id, "login": login.lower(), "role": role.value})
    else:
        output.say(_("The user {login} was added.").format(login=login.lower()))


@app.command(help=_("Give a user a new password."))
def password(
    login: LoginArgument,
    password_file: Annotated[
        Path | None, typer.Option(help=_("File whose first line is the password; - is standard input."))
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    loaded = load(config)
    with connect(loaded) as connection:
        found = users.find_user(connection, login)
    if found is None:
        raise NotFound(_("there is no user '{login}'; `postbuch user list` shows all").format(login=login.lower()))
    given = read_password(password_file, _("Password"), new=True)
    with connect(loaded) as connection:
        users.set_password(connection, found.id, given)
        # That it changed, never what it was or is.
        audit.record(connection, actor(), ORIGIN, "user-password", f"user {found.login}")
    if json:
        output.print_json({"id": found.id, "login": found.login})
    else:
        output.say(_("The password of {login} was changed.").format(login=found.login))


@app.command("set", help=_("Change what a user is, or whether he may log in; what he did stays on record."))
def set_(
    login: LoginArgument,
    role: Annotated[RoleName | None, typer.Option(help=_("What the user is."))] = None,
    active: Annotated[bool | None, typer.Option(help=_("Whether the user may log in."))] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    if role is None and active is None:
        raise UsageError(_("nothing to change: give --role, --active or --no-active"))
    with connect(load(config)) as connection:
        before, after = users.set_user(connection, login, role=role.value if role else None, active=active)
        audit.record(connection, actor(), ORIGIN, "user-set", f"user {login.lower()}", before, after)
    if json:
        output.print_json({"login": login.lower(), **after})
    else:
        output.say(_("The user {login} was changed.").format(login=login.lower()))


@app.command("list", help=_("List the users with the accounts that they may read."))
def list_(config: ConfigOption = None, json: JsonOption = False) -> None:
    with connect(load(config)) as connection:
        audit.record(connection, actor(), ORIGIN, "user-list", "users")
        found = users.list_users(connection)
    if json:
        output.print_json(found)
        return
    titles = (_("Log-in"), _("Role"), _("Active"), _("May read"))
    output.print_table(titles, [
        (each["login"], each["role"], output.yes_or_no(each["active"]), each["accounts"]) for each in found
    ])


@app.command(help=_("Let a user read an account, or all of them; --revoke ends the right."))
def grant(
    login: LoginArgument,
    account: Annotated[str, typer.Option(metavar="ADDRESS", help=_("The account."))] = "",
    everything: Annotated[bool, typer.Option("--all", help=_("Every account, also later ones."))] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help=_("End the right instead of giving it."))] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    if bool(account) == everything:
        raise UsageError(_("name one account with --account, or all of them with --all"))
    action = "grant-end" if revoke else "grant"
    with connect(load(config)) as connection:
        change = users.revoke if revoke else users.grant
        before = {"may read": users.granted_to(connection, login)}
        change(connection, login, account or None, by=actor())
        after = {"may read": users.granted_to(connection, login)}
        audit.record(connection, actor(), ORIGIN, action, f"user {login.lower()}", before, after)
    if json:
        output.print_json({"login": login.lower(), "account": account or None, "granted": not revoke})
    elif revoke:
        output.say(_("{login} may no longer read {account}.").format(login=login, account=account or _("all accounts")))
    else:
        output.say(_("{login} may now read {account}.").format(login=login, account=account or _("all accounts")))
