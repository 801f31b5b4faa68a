"""Pages for what goes wrong: one plain sentence and a way on. The cause goes to the log, never to the browser."""

import logging
import secrets

from flask import Flask, Response, g, render_template, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, RequestedRangeNotSatisfiable
from werkzeug.wrappers import Response as BaseResponse

from postbuch.archive.errors import NotFound, PostbuchError
from postbuch.webmail import apiaccess, login, sessions
from postbuch.webmail.language import gettext, size
from postbuch.webmail.policy import Kind
from postbuch.webmail.record import on_record, page_asked
from postbuch.webmail.requests import MAX_FORM_OCTETS
from postbuch.webmail.services import services

log = logging.getLogger("postbuch.webmail")


def install(app: Flask) -> None:
    """Every error gets a page of ours."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _stale)
    app.register_error_handler(NotFound, _missing)
    app.register_error_handler(PostbuchError, _ours)
    app.register_error_handler(Exception, _fault)


def _http(error: HTTPException) -> Response | HTTPException:
    if (error.code or 500) < 400:
        return error
    answer = apiaccess.of_http(error) if apiaccess.is_api(request.path) else _page_of(error)
    if isinstance(error, RequestedRangeNotSatisfiable):  # RFC 9110 section 15.5.17
        answer.headers["Content-Range"] = f"bytes */{error.length}"
    return answer


def _page_of(error: HTTPException) -> Response:
    code = error.code or 500
    if code == 403:
        _refused()
    titles = {
        400: (gettext("This did not work"), gettext("The browser sent something that we do not understand.")),
        403: (gettext("No access"), gettext("You may not see this page. If you need it, ask your administrator.")),
        404: (gettext("Nothing here"), gettext("There is no such page, or you may not see it.")),
        405: (gettext("This did not work"), gettext("This address cannot be called like that.")),
        413: (gettext("Too much at once"), gettext(
            "The browser sent more than we take: at most %(size)s at once. Nothing was changed.",
            size=size(MAX_FORM_OCTETS),
        )),
        429: (gettext("Please wait a moment"), gettext("There were too many attempts. Try again in a minute.")),
    }
    title, text = titles.get(code, (gettext("This did not work"), gettext("Please try again.")))
    return _page(code, title, text)


def _stale(_error: CSRFError) -> Response | BaseResponse:
    if not current_user.is_authenticated and request.blueprint != login.blueprint.name:  # logged out in another window
        return login.demand_login()
    text = gettext("The page was open for too long or in two windows. Go back, load it again and repeat what you did.")
    return _page(400, gettext("The page has expired"), text)


def _missing(_error: NotFound) -> Response:
    _refused()
    return _page(404, gettext("Nothing here"), gettext("There is no such letter, or you may not read it."))


def _refused() -> None:
    """On record: who asks for what he may not see. Whether it exists is not said there either."""
    if not current_user.is_authenticated:
        return
    number = (request.view_args or {}).get("letter_id")
    target, after = (f"page {page_asked()}", None) if number is None else (f"letter {number}", {"page": page_asked()})
    with services().transaction() as conn:
        on_record(conn, "refused", target, after)


def _ours(error: PostbuchError) -> Response:
    reference = _log(error)
    sessions.ask_no_more()
    if error.temporary:
        text = gettext("The archive does not answer at the moment. Nothing is lost; please try again in a minute.")
        return _page(503, gettext("One moment"), text, reference)
    return _page(500, gettext("This went wrong"), gettext("It is our fault, and it is in the log."), reference)


def _fault(error: Exception) -> Response:
    return _page(
        500, gettext("This went wrong"), gettext("It is our fault, and it is in the log."), _log(error)
    )


def _log(error: Exception) -> str:
    reference = secrets.token_hex(4)
    log.error("page-failed reference=%s path=%s", reference, request.path, exc_info=error)
    return reference


def _page(code: int, title: str, text: str, reference: str = "") -> Response:
    if apiaccess.is_api(request.path):
        return apiaccess.of_fault(code, reference)
    g.kind = Kind.PAGE
    # A page that stands on its own: asking who is logged in could fail for the same reason again.
    page = render_template("error.html", code=code, title=title, text=text, reference=reference)
    return Response(page, status=code)
