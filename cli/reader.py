"""For whom a command looks: for the one at the machine, who reads everything, or as a user, who reads what he may."""

from dataclasses import dataclass
from typing import Annotated

import typer
from sqlalchemy import Connection

from postbuch.archive import users
from postbuch.archive.errors import NotFound
from postbuch.archive.users import ALL, Rights
from postbuch.cli.language import translate as _

AsOption = Annotated[
    str, typer.Option("--as", metavar="LOGIN", help=_("Only what this user may read, as on the pages."))
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What may be read, whose read marks count, and what goes on record beside the command."""

    accounts: Rights
    user_id: int | None
    note: dict[str, str]


def reader(conn: Connection, login: str) -> Reader:
    """Who runs the command may read the data folder as well; with a log-in name what that user may. Raises NotFound."""
    if not login:
        return Reader(accounts=ALL, user_id=None, note={})
    found = users.find_user(conn, login)
    if found is None:
        raise NotFound(_("there is no user '{login}'; `postbuch user list` shows all").format(login=login.lower()))
    return Reader(accounts=users.accounts_of(conn, found.id), user_id=found.id, note={"as": found.login})
