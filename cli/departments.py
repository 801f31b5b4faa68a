"""`postbuch department`: people and accounts that belong together; members read the accounts."""

from typing import Annotated

import typer

from postbuch.archive import audit, departments
from postbuch.archive.errors import UsageError
from postbuch.cli import output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import connect
from postbuch.cli.helptext import Commands
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load

app = Commands()

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=_("What the department is called."))]


@app.command(help=_("Make a department."))
def add(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    with connect(load(config)) as connection:
        number = departments.add(connection, name, by=actor())
        audit.record(connection, actor(), ORIGIN, "department-add", f"department {name}")
    if json:
        output.print_json({"id": number, "name": name})
    else:
        output.say(_("The department {name} was made.").format(name=name))


@app.command("list", help=_("List the departments with their members and accounts."))
def list_(config: ConfigOption = None, json: JsonOption = False) -> None:
    with connect(load(config)) as connection:
        audit.record(connection, actor(), ORIGIN, "department-list", "departments")
        found = departments.listed(connection)
    if json:
        output.print_json([{**each, "since": each["since"].isoformat() + "Z"} for each in found])
        return
    output.print_table(
        (_("Department"), _("Members"), _("They read")),
        [(each["name"], ", ".join(each["members"]), ", ".join(each["accounts"])) for each in found],
    )


@app.command("set", help=_("Change who belongs to a department and which accounts its members read."))
def set_(
    name: NameArgument,
    member: Annotated[
        list[str] | None, typer.Option("--add-member", metavar="LOGIN", help=_("A user who belongs to it from now on."))
    ] = None,
    no_member: Annotated[
        list[str] | None, typer.Option("--remove-member", metavar="LOGIN", help=_("A user who no longer does."))
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option("--add-account", metavar="ADDRESS", help=_("An account that its members read."))
    ] = None,
    no_account: Annotated[
        list[str] | None,
        typer.Option("--remove-account", metavar="ADDRESS", help=_("An account that they no longer read.")),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    if not (member or no_member or account or no_account):
        raise UsageError(
            _("nothing to change: give --add-member, --remove-member, --add-account or --remove-account")
        )
    with connect(load(config)) as connection:
        before, after = departments.change(
            connection, name, by=actor(), add_members=member or (), remove_members=no_member or (),
            add_accounts=account or (), remove_accounts=no_account or (),
        )
        audit.record(connection, actor(), ORIGIN, "department-set", f"department {name}", before, after)
    if json:
        output.print_json({"name": name, **after})
    else:
        output.say(_("The department {name} was changed.").format(name=name))


@app.command(help=_("End a department; its members read its accounts no longer, and all mail stays."))
def remove(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    with connect(load(config)) as connection:
        before = departments.remove(connection, name)
        audit.record(connection, actor(), ORIGIN, "department-remove", f"department {name}", before)
    if json:
        output.print_json({"name": name, "removed": True})
    else:
        output.say(_("The department {name} was ended.").format(name=name))
