"""Log-in and log-out. The mail password is checked by upstream; users of Postbuch itself have one of their own here.

The answer to a wrong log-in is the same whether the name or the password is wrong. Passwords are never kept or logged.
"""

from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user, login_user, logout_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as BaseResponse
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from postbuch.webmail import entrance, requests, sessions
from postbuch.webmail.entrance import LIMIT_BY_ADDRESS, LIMIT_BY_NAME, MAX_LOGIN_CHARACTERS, MAX_PASSWORD_CHARACTERS
from postbuch.webmail.language import gettext, lazy_gettext
from postbuch.webmail.record import on_record, origin
from postbuch.webmail.services import services
from postbuch.webmail.upstream import Verdict

blueprint = Blueprint("login", __name__)
# Memory is enough: one process serves the web, and nobody but the admin can make it forget by a restart.
limiter = Limiter(get_remote_address, storage_uri="memory://", strategy="moving-window")
# A search has at most 2,000 characters, each up to nine percent-encoded octets long; nobody types such a link.
MAX_PATH_CHARACTERS = 8_000
# The forms in which people write, whose pages take the same names as arguments. None of these is secret.
TYPED = {"outgoing.add": ("name", "template"), "apikeys.make": ("name", "scope")}


class LoginForm(FlaskForm):  # type: ignore[misc] # Flask-WTF ships no types
    """What is asked for."""

    login = StringField(lazy_gettext("E-mail address"), validators=[InputRequired(), Length(max=MAX_LOGIN_CHARACTERS)])
    password = PasswordField(
        lazy_gettext("Password"), validators=[InputRequired(), Length(max=MAX_PASSWORD_CHARACTERS)]
    )


def _name() -> str:
    return request.form.get("login", "").strip().lower()[:MAX_LOGIN_CHARACTERS]


def _counted_by() -> str:
    """The name; who gives none counts as one, too: flask-limiter takes no empty key."""
    return _name() or "-"


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
@limiter.limit(LIMIT_BY_NAME, key_func=_counted_by, deduct_when=_refused)
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
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        wanted = local_path(f"{page.path}?{page.query}" if page.query else page.path)
        where = url_for("login.form", next=wanted if wanted != "/" else None, ended=1)
        return Response(status=401, headers={"HX-Redirect": where})
    if request.method != "GET":
        return redirect(url_for("login.form", next=_of_form(), undone=1))
    wanted = requests.written(request)
    return redirect(url_for("login.form", next=wanted) if wanted != "/" else url_for("login.form"))


def _of_form() -> str:
    """The page of the form that somebody without a session sent: with what he typed in it, where it takes that.

    Nothing is carried out: it is an address, which shows the form as he left it, and he sends it again.
    """
    typed = [(name, value) for name in TYPED.get(request.endpoint or "", ()) for value in request.form.getlist(name)]
    if typed and (path := local_path(f"{request.path}?{urlencode(typed)}")):
        return path
    page = urlsplit(request.referrer or "")
    wanted = local_path(f"{page.path}?{page.query}" if page.query else page.path)
    return wanted if wanted and page.netloc == request.host else url_for("mailbox.index")


def _page(filled: LoginForm, problem: str = "") -> str:
    return render_template("login.html", form=filled, problem=problem)


def _check(login: str, password: str) -> tuple[Verdict, sessions.Viewer | None]:
    """Whether the password is right, put on record either way; with a session when it is."""
    return entrance.admit(
        services().config, services().engine, login, password, origin=origin(), door="web", begin=sessions.begin
    )
