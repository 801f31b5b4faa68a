"""`postbuch account`: the log-ins at the provider whose mail is archived."""

from pathlib import Path
from typing import Annotated

import typer

from postbuch.archive import accounts, audit, collect_choice, collect_plan, credentials, seal
from postbuch.archive.config import Config, Upstream
from postbuch.archive.errors import UsageError
from postbuch.cli import output, upstream
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import connect
from postbuch.cli.helptext import Commands
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load
from postbuch.cli.secret import read_password

app = Commands()

AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help=_("Log-in name at the provider."))]


def _upstream(config: Config, address: str) -> Upstream:
    found = config.upstream_for(address)
    if found is None:
        raise UsageError(
            _("no [[upstream]] of the configuration serves '{address}'; add its domain to one").format(address=address)
        )
    return found


@app.command(help=_("Make an account known before its first log-in, for example to import old mail into it."))
def add(address: AddressArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    loaded = load(config)
    served = _upstream(loaded, address)
    with connect(loaded) as connection:
        account_id = accounts.ensure_account(connection, address.lower(), served.name)
        audit.record(connection, actor(), ORIGIN, "account-add", f"account {address.lower()}", after={
            "upstream": served.name,
        })
    if json:
        output.print_json({"id": account_id, "address": address.lower(), "upstream": served.name})
    else:
        output.say(_("The account {address} is known.").format(address=address.lower()))


@app.command("list", help=_("List the accounts."))
def list_(config: ConfigOption = None, json: JsonOption = False) -> None:
    with connect(load(config)) as connection:
        audit.record(connection, actor(), ORIGIN, "account-list", "accounts")
        found = accounts.list_accounts(connection)
        for each in found:
            each["exclude"] = collect_choice.excluded(connection, each["id"])
    if json:
        output.print_json(found)
        return
    titles = (_("Account"), _("Provider"), _("Archived"), _("Left out"), _("Active"))
    output.print_table(titles, [
        (each["address"], each["upstream"], each["archive"], ", ".join(each["exclude"]),
         output.yes_or_no(each["active"]))
        for each in found
    ])  # fmt: skip


@app.command("set", help=_("Change what is archived of an account, or whether it is active."))
def set_(
    address: AddressArgument,
    archive: Annotated[
        str | None, typer.Option(help=_("What is archived: all, none, or mailboxes:Archiv,INBOX."))
    ] = None,
    exclude: Annotated[
        str | None, typer.Option(help=_("Mailboxes that are not collected: Junk,Drafts; empty for no exceptions."))
    ] = None,
    active: Annotated[bool | None, typer.Option(help=_("Whether the account is in use; its mail stays."))] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    if archive is None and active is None and exclude is None:
        raise UsageError(_("nothing to change: give --archive, --exclude, --active or --no-active"))
    if archive is not None:
        collect_plan.read_choice(archive)
    with connect(load(config)) as connection:
        before, after = accounts.set_account(connection, address.lower(), archive=archive, active=active)
        if exclude is not None:
            owner = accounts.number_of(connection, address)
            names = [name.strip() for name in exclude.split(",") if name.strip()]
            before["exclude"], after["exclude"] = collect_choice.exclude(connection, owner, names, actor())
        audit.record(connection, actor(), ORIGIN, "account-set", f"account {address.lower()}", before, after)
    if json:
        output.print_json(after)
    else:
        output.say(_("The account {address} was changed.").format(address=address.lower()))


@app.command(help=_("Store the mail password of an account, sealed, so that its mailboxes can be collected."))
def store(
    address: AddressArgument,
    password_file: Annotated[
        Path | None, typer.Option(help=_("File with the mail password; - is standard input. Asked for without it."))
    ] = None,
    user: Annotated[str | None, typer.Option(help=_("Log-in name at the provider, when it is another."))] = None,
    unchecked: Annotated[bool, typer.Option("--unchecked", help=_("Do not try it at the provider first."))] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    loaded = load(config)
    served, name = _upstream(loaded, address), address.strip().lower()
    password = read_password(password_file, _("Mail password"), new=False)
    if not unchecked:
        wrong = [leg for leg in upstream.look(served, user or name, password) if leg.sentence and leg.name == "IMAP"]
        if wrong:
            raise UsageError(_("nothing was stored: {problem}").format(problem=wrong[0].sentence))
    sealed = seal.load(loaded.data / "keys").seal(password, credentials.purpose(name))
    with connect(loaded) as connection:
        credentials.keep(
            connection, name, kind=credentials.STORED, user=user or name, sealed=sealed, given_by=actor(),
            upstream=served.name,
        )
        audit.record(connection, actor(), ORIGIN, "credential-store", f"account {name}", None, {"user": user or name})
    if json:
        output.print_json({"account": name, "user": user or name, "kind": credentials.STORED})
    else:
        output.say(_("The password of {address} is stored, sealed.").format(address=name))


@app.command(help=_("Forget every stored or remembered password of an account."))
def forget(address: AddressArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    name = address.strip().lower()
    with connect(load(config)) as connection:
        count = credentials.forget(connection, name)
        audit.record(connection, actor(), ORIGIN, "credential-forget", f"account {name}", {"credentials": count}, None)
    if json:
        output.print_json({"account": name, "forgotten": count})
    else:
        output.say(_("{count} passwords of {address} were forgotten.").format(count=count, address=name))


@app.command("rotate-key", help=_("Seal every kept password with a new key; the old one goes when all are."))
def rotate_key(config: ConfigOption = None, json: JsonOption = False) -> None:
    loaded = load(config)
    keys = loaded.data / "keys"
    with connect(loaded) as connection:
        count = credentials.rotate(connection, keys)
        audit.record(connection, actor(), ORIGIN, "credential-rotate", "key", None, {"credentials": count})
    with connect(loaded) as connection:  # what was sealed anew is committed
        credentials.finish_rotation(connection, keys)
    if json:
        output.print_json({"sealed": count})
    else:
        output.say(_("{count} passwords are sealed with a new key.").format(count=count))


@app.command(help=_("Connect to the provider the way a mail program does and say in one sentence what is wrong."))
def test(
    address: AddressArgument,
    password_file: Annotated[
        Path | None, typer.Option(help=_("File with the mail password, to log in as well; - is standard input."))
    ] = None,
    log_in: Annotated[bool, typer.Option("--log-in", help=_("Ask for the mail password and log in as well."))] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    served = _upstream(load(config), address)
    password = ""
    if password_file is not None or log_in:
        password = read_password(password_file, _("Mail password"), new=False)
    legs = upstream.look(served, address, password)
    good = all(not leg.sentence for leg in legs)
    if json:
        found = [{"leg": leg.name, "endpoint": str(leg.endpoint), "problem": leg.sentence or None} for leg in legs]
        output.print_json({"ok": good, "account": address.lower(), "upstream": served.name, "legs": found})
    for leg in legs:
        if leg.sentence:
            output.say_problem(f"{leg.name}: {leg.sentence}")
        elif not json:
            done = _("connected and logged in") if password else _("connected, not logged in")
            output.print_mark(True, f"{leg.name} {leg.endpoint}", done)
    raise typer.Exit(0 if good else 1)
