"""Log-in and log-out. The mail password is checked by upstream; users of Postbuch itself have one of their own here.

The answer to a wrong log-in is the same whether the name or the password is wrong. Passwords are never kept or logged.
"""

from urllib.parse import quote, urlsplit

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user, login_user, logout_user
from flask_wtf import FlaskForm
from sqlalchemy import Connection
from werkzeug.wrappers import Response as BaseResponse
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from postbuch.archive import audit, users
from postbuch.archive.errors import UsageError
from postbuch.archive.users import User
from postbuch.webmail import sessions, upstream
from postbuch.webmail.language import gettext, lazy_gettext
from postbuch.webmail.record import on_record, origin
from postbuch.webmail.services import services
from postbuch.webmail.upstream import Verdict

blueprint = Blueprint("login", __name__)
# Memory is enough: one process serves the web, and nobody but the admin can make it forget by a restart.
limiter = Limiter(get_remote_address, storage_uri="memory://", strategy="moving-window")
# A person mistypes three or four times; a guesser wants thousands. By name too, for those who come from many addresses.
LIMIT_BY_ADDRESS = "20 per minute; 200 per hour"
LIMIT_BY_NAME = "10 per minute; 60 per hour"
# A search has at most 2,000 characters, each up to nine percent-encoded octets long; nobody types such a link.
MAX_PATH_CHARACTERS = 8_000


class LoginForm(FlaskForm):  # type: ignore[misc] # Flask-WTF ships no types
    """What is asked for."""

    login = StringField(lazy_gettext("E-mail address"), validators=[InputRequired(), Length(max=255)])
    password = PasswordField(lazy_gettext("Password"), validators=[InputRequired(), Length(max=1024)])


def _name() -> str:
    return request.form.get("login", "").strip().lower()[:255]


def _refused(response: Response) -> bool:
    """Only what failed is counted: a whole office behind one address logs in every morning."""
    return response.status_code >= 400


@blueprint.route("/login", methods=["GET"])
def form() -> str | BaseResponse:
    """The log-in page."""
    if current_user.is_authenticated:
        return redirect(safe_target(request.args.get("next")))
    return _page(LoginForm(formdata=None, login=request.args.get("login", "")[:255]))


@blueprint.route("/login", methods=["POST"])
@limiter.limit(LIMIT_BY_ADDRESS, deduct_when=_refused)
@limiter.limit(LIMIT_BY_NAME, key_func=_name, deduct_when=_refused)
def log_in() -> str | BaseResponse | tuple[str, int]:
    """Check the password; on to where the person wanted to go."""
    filled = LoginForm()
    if not filled.validate():
        return _page(filled, gettext("Please enter your e-mail address and your password.")), 400
    verdict, made = _check(_name(), filled.password.data)
    if made is None:
        if verdict is Verdict.SILENT:
            return _page(filled, gettext("The mail provider does not answer. Please try again in a minute.")), 503
        return _page(filled, gettext("The address or the password is wrong.")), 401
    login_user(made)
    return redirect(safe_target(request.args.get("next")))


@blueprint.route("/logout", methods=["POST"])
@sessions.login_required
def log_out() -> BaseResponse:
    """End the session, here and in every copy of its cookie."""
    with services().transaction() as conn:
        on_record(conn, "log-out", "web")
        sessions.end(conn, sessions.viewer().token)
    logout_user()
    flash(gettext("You are logged out."))
    answer = redirect(url_for("login.form"))
    # What this site left in the browser's memory goes as well.
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


def safe_target(wanted: str | None) -> str:
    """Where to go after the log-in: a page of ours, or the list."""
    home = url_for("mailbox.index")
    path = local_path(wanted)
    entrance = (url_for("login.form"), url_for("login.log_out"))
    return path if path and urlsplit(path).path not in entrance else home


def local_path(wanted: str | None) -> str | None:
    """The path when it is one of ours; None for everything that could lead to another host."""
    if not wanted or not wanted.startswith("/") or len(wanted) > MAX_PATH_CHARACTERS:
        return None
    # Browsers read a backslash as a slash and drop control characters, so "/\\evil" and "/\t/evil" would lead away.
    if wanted.startswith("//") or "\\" in wanted or any(ord(character) < 0x21 for character in wanted):
        return None
    parts = urlsplit(wanted)
    return None if parts.scheme or parts.netloc else wanted


def demand_login() -> Response | BaseResponse:
    """What somebody without a session gets instead of a page."""
    if request.headers.get("HX-Request"):
        # A part of a page was asked for: the whole page must go.
        return Response(status=401, headers={"HX-Redirect": url_for("login.form")})
    wanted = _asked_for()
    if request.method != "GET":
        wanted = url_for("mailbox.index")
    return redirect(url_for("login.form", next=wanted) if wanted != "/" else url_for("login.form"))


def _asked_for() -> str:
    """The path and the arguments as they were asked for, written so that `local_path` takes them."""
    path = quote(request.path, safe="/~@:!$&'()*+,;=-._")
    # Browsers leave a backslash in arguments as it is, where it does no harm: it escapes in the links of lists.
    arguments = request.query_string.decode("latin-1").replace("\\", "%5C")
    return f"{path}?{arguments}" if arguments else path


def _page(filled: LoginForm, problem: str = "") -> str:
    return render_template("login.html", form=filled, problem=problem)


def _check(login: str, password: str) -> tuple[Verdict, sessions.Viewer | None]:
    """Whether the password is right, put on record either way; with a session when it is."""
    serving = services().config.upstream_for(login)
    with services().transaction() as conn:
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
    with services().transaction() as conn:
        try:
            made = _session(conn, login, local) if verdict is Verdict.GOOD else None
        except UsageError:  # the user was shut out
            made, verdict = None, Verdict.WRONG
        action = "log-in" if made is not None else "log-in-refused"
        audit.record(conn, login, origin(), action, "web", after={"reason": verdict.value} if made is None else None)
    return verdict, made


def _session(conn: Connection, login: str, local: User | None) -> sessions.Viewer:
    if local is not None:
        return sessions.begin(conn, local)
    serving = services().config.upstream_for(login)
    if serving is None:
        raise UsageError(f"no upstream serves '{login}'")
    return sessions.begin(conn, users.ensure_employee(conn, login, serving.name))
