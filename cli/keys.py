"""`postbuch user key`: keys by which programs ask in the name of a user. A key is printed once and kept nowhere."""

from typing import Annotated

import typer

from postbuch.archive import apikeys, audit, users
from postbuch.cli import output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import connect
from postbuch.cli.helptext import Commands
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load

app = Commands(help=_("Keys by which programs ask in the name of a user."))

LoginArgument = Annotated[str, typer.Argument(metavar="LOGIN", help=_("Log-in name, an e-mail address."))]


@app.command(help=_("Make a key and print it, this once."))
def add(
    login: LoginArgument,
    name: Annotated[str, typer.Option(help=_("What it is for."))],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=_("What it may do: letters, content, marks, exports; may be given more than once.")),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    with connect(load(config)) as connection:
        user_id = users.user_number(connection, login)
        scopes = scope or [apikeys.LETTERS]
        key, number = apikeys.make(connection, user_id, name, scopes, by=actor())
        audit.record(connection, actor(), ORIGIN, "key-add", f"key {number}", after={
            "user": login.lower(), "name": name, "scopes": " ".join(scopes),
        })  # fmt: skip
    if json:
        output.print_json({"id": number, "login": login.lower(), "name": name, "scopes": scopes, "key": key})
        return
    output.print_line(key)
    output.say(_("Copy the key now: it is shown this once and kept nowhere."))


@app.command("list", help=_("List the keys that hold, of one user or of all."))
def list_(
    login: Annotated[str, typer.Argument(metavar="[LOGIN]", help=_("Log-in name, an e-mail address."))] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    with connect(load(config)) as connection:
        user_id = users.user_number(connection, login) if login else None
        audit.record(connection, actor(), ORIGIN, "key-list", f"user {login.lower()}" if login else "keys")
        found = apikeys.listed(connection, user_id)
    if json:
        output.print_json([
            {"id": each.id, "login": each.login, "name": each.name, "begins_with": each.hint,
             "scopes": list(each.scopes), "since": each.since, "used_at": each.used_at}
            for each in found
        ])  # fmt: skip
        return
    titles = ("ID", _("Log-in"), _("What for"), _("Begins with"), _("May"), _("Last used"))
    output.print_table(titles, [
        (each.id, each.login, each.name, each.hint, " ".join(each.scopes), each.used_at) for each in found
    ])  # fmt: skip


@app.command(help=_("Revoke a key: the next question that is asked with it is refused."))
def revoke(
    login: LoginArgument,
    number: Annotated[int, typer.Argument(metavar="ID", help=_("Number of the key, as `list` shows it."))],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    with connect(load(config)) as connection:
        gone = apikeys.revoke(connection, users.user_number(connection, login), number)
        audit.record(connection, actor(), ORIGIN, "key-revoke", f"key {number}", before={
            "user": gone.login, "name": gone.name, "scopes": " ".join(gone.scopes),
        })  # fmt: skip
    if json:
        output.print_json({"id": number, "login": gone.login, "name": gone.name})
    else:
        output.say(_("The key {name} of {login} was revoked.").format(name=gone.name, login=gone.login))
