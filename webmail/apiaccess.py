"""Who asks the interface for programs: the key, what it may do, how often, and that each question is on record.

No cookie is looked at, so no other site can have a browser ask, and no token against that is needed. Errors are JSON
after RFC 9457 (problem details).
"""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec

from flask import Response, g, request
from flask_limiter.util import get_remote_address
from sqlalchemy import Connection
from werkzeug.exceptions import HTTPException

from postbuch.archive import apikeys, audit, users
from postbuch.archive.apikeys import Key
from postbuch.archive.errors import NotFound, UsageError
from postbuch.archive.users import Rights
from postbuch.webmail import apirefused
from postbuch.webmail.record import origin, page_asked
from postbuch.webmail.requests import MAX_FORM_OCTETS
from postbuch.webmail.services import services

PREFIX = "/api/v1"
PROBLEM = "application/problem+json"
# Marks a view that reads arguments of its address; of any other each is one that there is not.
TAKES_QUERY = "takes_query"
# A program that asks all the time may ask ten times a second; a page of ours does no more work.
LIMIT_BY_KEY = "600 per minute"
# A key has 256 bits: nobody guesses one. This keeps a broken program from filling the log.
LIMIT_OF_WRONG = "60 per minute"
# A minute has so much; who waits that long is heard.
PAUSE_S = 60
# What a problem says of itself, by its code.
_TITLES = {
    400: "Not understood", 401: "No key", 403: "Not with this key", 404: "Not found", 405: "Not here", 409: "Not now",
    412: "Not the same", 413: "Too large", 416: "No such range",
    415: "Not JSON", 422: "Not understood", 429: "Too many", 500: "Our fault", 503: "One moment",
}  # fmt: skip

P = ParamSpec("P")


class ScopeMissing(Exception):
    """The key may not do this; the text is the scope that it would need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """The key that asks, and what its user may read at this moment."""

    key: Key
    accounts: Rights
    role: str

    @property
    def user_id(self) -> int:
        return self.key.user_id

    def need(self, scope: str) -> None:
        """Raises ScopeMissing."""
        if scope not in self.key.scopes:
            raise ScopeMissing(scope)

    def on_record(
        self, conn: Connection, action: str, target: str, after: Mapping[str, Any] | None = None,
        before: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the event in this transaction, with the number of the key."""
        audit.record(
            conn, self.key.login, origin(), action, target, before, {"key": self.key.id, **(after or {})}
        )


def asker() -> Asker:
    """The one who asks; only in views with `with_key`."""
    found: Asker = g.asker
    return found


def key_of_request() -> str:
    """The key as it was shown: `Authorization: Bearer …` (RFC 6750) or `X-API-Key: …`."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else request.headers.get("X-API-Key", "").strip()


def counted_by() -> str:
    """Whose questions are counted together: those with the same key, else those from the same address."""
    key = key_of_request()
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest() if key else get_remote_address()


def was_wrong(response: Response) -> bool:
    """Only what had no good key is counted by its address."""
    return response.status_code == 401


def with_key(scope: str = "") -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Only with a key that has the scope; any key with ''. What is not there, or not understood, becomes a problem."""

    def decorate(view: Callable[P, Any]) -> Callable[P, Any]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
            with services().transaction() as conn:
                key = apikeys.find(conn, key_of_request())
                user = users.get_user(conn, key.user_id) if key else None
                rights = users.accounts_of(conn, key.user_id) if key else frozenset()
            if key is None or user is None:
                apirefused.on_record(key_of_request())
                answer = problem(401, "give a key that holds: Authorization: Bearer …, or X-API-Key: …")
                answer.headers["WWW-Authenticate"] = 'Bearer realm="Postbuch"'
                return answer
            g.asker = Asker(key=key, accounts=rights, role=user.role)
            try:
                if scope:
                    asker().need(scope)
                if request.args and not getattr(view, TAKES_QUERY, False):
                    return _not_understood(422, {"query": {name: ["Unknown field."] for name in request.args}})
                return view(*args, **kwargs)
            except ScopeMissing as error:
                _refused({"scope": str(error)})
                return problem(403, f"this key does not have the scope '{error}'")
            except NotFound:
                _refused()
                return problem(404, "there is no such thing, or you may not read it")
            except UsageError as error:
                return problem(422, str(error))

        return guarded

    return decorate


def _refused(after: Mapping[str, Any] | None = None) -> None:
    with services().transaction() as conn:
        asker().on_record(conn, "refused", f"page {page_asked()}", after)


def is_api(path: str) -> bool:
    """Whether an address belongs to this interface: its errors are no pages."""
    return path.startswith("/api/")


def problem(status: int, detail: str, **more: Any) -> Response:
    """An error for a program (RFC 9457)."""
    facts = {"type": "about:blank", "title": _TITLES.get(status, "Error"), "status": status, "detail": detail, **more}
    return Response(json.dumps(facts, ensure_ascii=False), status=status, content_type=PROBLEM)


def of_http(error: HTTPException) -> Response:
    """What Flask and its parts say: an address that is not there, arguments that do not fit, too many questions."""
    data = getattr(error, "data", None) or {}
    wrong = data.get("messages")
    if wrong:
        return _not_understood(error.code or 422, wrong)
    code = error.code or 500
    details = {
        404: f"there is no such address; {PREFIX}/openapi.json names all",
        405: f"this address is not for {request.method}; it is for {', '.join(_methods(error))}",
        413: f"this is more than a request may hold; it is {MAX_FORM_OCTETS} octets at most",
        429: f"more questions than there may be ({error.description}); wait {PAUSE_S} seconds",
    }
    answer = problem(code, details.get(code) or error.description or error.name)
    if code == 405:  # RFC 9110 section 15.5.6
        answer.headers["Allow"] = ", ".join(_methods(error))
    elif code == 429:  # RFC 6585 section 4
        answer.headers["Retry-After"] = str(PAUSE_S)
    return answer


def _methods(error: HTTPException) -> list[str]:
    return sorted(getattr(error, "valid_methods", None) or ())


def of_fault(status: int, reference: str) -> Response:
    """What no program can help: the database is away (503), or a fault of ours. The cause is in the log alone."""
    if status == 503:
        answer = problem(status, f"the archive does not answer; ask again in {PAUSE_S} seconds")
        answer.headers["Retry-After"] = str(PAUSE_S)
        return answer
    return problem(status, f"this is a fault of ours; it is in the log of Postbuch under reference={reference}")


def _not_understood(status: int, errors: Any) -> Response:
    return problem(status, "arguments were not understood; see errors", errors=errors)
