"""Log-ins to the web: a row each, so that a log-out ends it for good, here and in every copy of its cookie.

The cookie holds a random secret, the row its digest: who reads the table cannot take over a session.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar

import flask_login
from flask import g, request, session
from flask_login import AnonymousUserMixin, LoginManager, UserMixin, current_user
from sqlalchemy import Connection, insert, update

from postbuch.archive import users
from postbuch.archive.audit import now
from postbuch.archive.schema import app_user, web_session
from postbuch.archive.users import Rights
from postbuch.webmail.services import services

# A working day with its breaks; after it the password is asked for again.
LONGEST = timedelta(hours=12)
# Without a click. The quiet question for new mail is none.
IDLE = timedelta(hours=2)
# Each write is a durable commit, so the last click is known to the minute only.
_SEEN_STEP = timedelta(minutes=1)
_TOKEN_OCTETS = 32
# Questions that the page asks by itself: they must not keep a forgotten browser logged in.
QUIET_ENDPOINTS = frozenset({"jobs.part", "jobs.news", "mailbox.news"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer(UserMixin):  # type: ignore[misc] # Flask-Login ships no types
    """Who looks at the page, and what he may read."""

    token: str
    user_id: int
    login: str
    role: str
    language: str
    accounts: Rights

    def get_id(self) -> str:
        return self.token

    @property
    def oversees(self) -> bool:
        """Whether he may look at how the archive is doing and who did what in it."""
        return self.role in ("admin", users.AUDITOR)

    @property
    def may_mark(self) -> bool:
        """An auditor changes nothing, not even what counts as read."""
        return self.role != users.AUDITOR


P = ParamSpec("P")
R = TypeVar("R")


def login_required(view: Callable[P, R]) -> Callable[P, R]:
    """Only for those who are logged in; others are sent to the log-in and come back."""
    guarded: Callable[P, R] = flask_login.login_required(view)
    return guarded


def viewer() -> Viewer:
    """The one who is logged in; only in views that demand it."""
    found = current_user._get_current_object()
    if not isinstance(found, Viewer):
        raise RuntimeError("a view without login_required asked who is logged in")
    return found


def begin(conn: Connection, user: users.User) -> Viewer:
    """A new session for somebody whose password was right. Nothing of the session before stays."""
    session.clear()
    token = secrets.token_urlsafe(_TOKEN_OCTETS)
    at = now()
    conn.execute(
        insert(web_session).values(
            token_sha256=_digest(token), user_id=user.id, client_address=request.remote_addr or "", since=at,
            seen_at=at, until=at + LONGEST,
        )
    )
    return _viewer(token, user, users.rights_of(conn, user.id, user.role))


def end(conn: Connection, token: str) -> None:
    """The log-out."""
    conn.execute(update(web_session).where(web_session.c.token_sha256 == _digest(token)).values(until=now()))


def load(token: str) -> Viewer | None:
    """The viewer of a cookie; None when the session has ended, or the user was shut out since."""
    with services().transaction() as conn:
        query = users.active().join(web_session, web_session.c.user_id == app_user.c.id)
        query = query.add_columns(web_session.c.id.label("session_id"), web_session.c.seen_at, web_session.c.until)
        row = conn.execute(query.where(web_session.c.token_sha256 == _digest(token))).one_or_none()
        at = now()
        if row is None or at >= row.until or at - row.seen_at >= IDLE:
            return None
        user = users.user_of(row)
        if request.endpoint not in QUIET_ENDPOINTS and _is_new(row.seen_at, at):
            conn.execute(update(web_session).where(web_session.c.id == row.session_id).values(seen_at=at))
        return _viewer(token, user, users.rights_of(conn, user.id, user.role))


def install(manager: LoginManager) -> None:
    """Tell Flask-Login how a cookie becomes a viewer."""

    def of_cookie(token: str) -> Viewer | None:
        try:
            return load(token)
        except Exception:
            ask_no_more()
            raise

    manager.user_loader(of_cookie)


def ask_no_more() -> None:
    """For the page of an error, which asks for the reader's language: who is not known by now is nobody.

    To look for him could fail, and take as long, as what went wrong before.
    """
    if "_login_user" not in g:
        g._login_user = AnonymousUserMixin()


def _is_new(seen_at: datetime, at: datetime) -> bool:
    return at - seen_at >= _SEEN_STEP


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _viewer(token: str, user: users.User, accounts: Rights) -> Viewer:
    return Viewer(
        token=token, user_id=user.id, login=user.login, role=user.role, language=user.language, accounts=accounts
    )
