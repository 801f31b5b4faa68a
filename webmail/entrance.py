"""Who may come in, by whatever door: the web's log-in form, FTPS. Put on record either way, by the same rules.

The mail password is checked by upstream; users of Postbuch itself have one of their own here.
"""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine

from postbuch.archive import audit, users
from postbuch.archive.config import Config
from postbuch.archive.errors import UsageError
from postbuch.archive.users import User
from postbuch.archive.wrong import Wrong
from postbuch.webmail import upstream
from postbuch.webmail.upstream import Verdict

# A person mistypes three or four times; a guesser wants thousands. By name too, for those who come from many addresses.
LIMIT_BY_ADDRESS = "20 per minute; 200 per hour"
LIMIT_BY_NAME = "10 per minute; 60 per hour"
MAX_LOGIN_CHARACTERS = 255
MAX_PASSWORD_CHARACTERS = 1024

Session = TypeVar("Session")


def admit(
    config: Config, engine: Engine, login: str, password: str, *, origin: str, door: str,
    begin: Callable[[Connection, User], Session],
) -> tuple[Verdict, Session | None]:
    """Whether the password is right, and the session that `begin` makes when it is. Blocks while upstream is asked.

    `door` is what the record calls the place; `begin` works in the transaction that puts the log-in on record.
    """
    serving = config.upstream_for(login)
    with engine.begin() as conn:
        known = users.find_user(conn, login)
        local = users.check_password(conn, login, password)
    # Who has a password of Postbuch's own logs in with that alone: otherwise whoever gets hold of the
    # provider's mailbox "admin@" would be the administrator here.
    if known is not None and known.has_password:
        verdict = Verdict.GOOD if local is not None else Verdict.WRONG
    elif serving is not None and serving.auth == "password":
        verdict = upstream.check(serving, login, password)
    else:
        verdict = Verdict.WRONG
    with engine.begin() as conn:
        try:
            made = begin(conn, _user(conn, config, login, local)) if verdict is Verdict.GOOD else None
        except UsageError:  # the user was shut out
            made, verdict = None, Verdict.WRONG
        action = "log-in" if made is not None else "log-in-refused"
        audit.record(conn, login, origin, action, door, after={"reason": verdict.value} if made is None else None)
    return verdict, made


def _user(conn: Connection, config: Config, login: str, local: User | None) -> User:
    if local is not None:
        return local
    serving = config.upstream_for(login)
    if serving is None:
        raise UsageError(Wrong.NO_UPSTREAM.said(login=login))
    return users.ensure_employee(conn, login, serving.name)
