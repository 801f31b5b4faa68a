"""What a person chooses for his pages: the language, light or dark, also of letters. Kept in the browser, the language
also by name.
"""

from flask import Blueprint, abort, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from postbuch.archive import users
from postbuch.webmail.language import COOKIE_S, LANGUAGE_COOKIE, LANGUAGES
from postbuch.webmail.login import local_path
from postbuch.webmail.policy import is_secure
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import viewer

blueprint = Blueprint("settings", __name__)
THEME_COOKIE = "theme"
THEMES = ("auto", "light", "dark")
# What the system prefers, which our script tells; without it "auto" shows letters light.
SCHEME_COOKIE = "scheme"
# Letters that bring their own colours were made for white paper, so dark ones are a choice.
LETTERS_COOKIE = "letters"
LETTERS = ("light", "dark")


def theme() -> str:
    """light, dark, or auto: what the system prefers. Known before the page is painted, so nothing flashes."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "auto"


def letters() -> str:
    """How letters with colours of their own are shown on dark pages: light or dark."""
    chosen = request.cookies.get(LETTERS_COOKIE, "")
    return chosen if chosen in LETTERS else "light"


def dark_letters() -> bool:
    """Whether they are shown dark now: on light pages never."""
    shown = request.cookies.get(SCHEME_COOKIE, "light") if theme() == "auto" else theme()
    return shown == "dark" and letters() == "dark"


@blueprint.route("/settings/language", methods=["POST"])
def choose_language() -> Response:
    """de or en, from now on."""
    language = request.form.get("language", "")
    if language not in LANGUAGES:
        abort(400)
    if current_user.is_authenticated:
        who = viewer()
        with services().transaction() as conn:
            on_record(
                conn, "user-language", f"user {who.login}", {"language": language}, {"language": who.language}
            )
            users.set_language(conn, who.user_id, language)
    return _back(LANGUAGE_COOKIE, language)


@blueprint.route("/settings/theme", methods=["POST"])
def choose_theme() -> Response:
    """auto, light or dark, from now on."""
    return _chosen(THEME_COOKIE, THEMES)


@blueprint.route("/settings/letters", methods=["POST"])
def choose_letters() -> Response:
    """light or dark letters on dark pages, from now on."""
    return _chosen(LETTERS_COOKIE, LETTERS)


def _chosen(name: str, allowed: tuple[str, ...]) -> Response:
    """The value of the form's field, kept in the cookie of the same name."""
    value = request.form.get(name, "")
    if value not in allowed:
        abort(400)
    return _back(name, value)


def _back(cookie: str, value: str) -> Response:
    answer = redirect(local_path(request.form.get("next")) or url_for("mailbox.index"))
    secure = is_secure(services().config)
    answer.set_cookie(cookie, value, max_age=COOKIE_S, samesite="Lax", secure=secure, httponly=True)
    return answer
