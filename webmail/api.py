"""The interface for programs: `/api/v1`, described at `/api/v1/openapi.json` (OpenAPI 3.1) and in docs/api.md."""

from typing import Any

from flask import Flask
from flask_limiter.util import get_remote_address
from flask_smorest import Api
from flask_wtf import CSRFProtect

from postbuch.webmail import apifiles, apijobs, apiletters, apischemas, apisearches
from postbuch.webmail.apiaccess import (
    LIMIT_BY_KEY,
    LIMIT_OF_WRONG,
    PREFIX,
    PROBLEM,
    asker,
    counted_by,
    was_wrong,
    with_key,
)
from postbuch.webmail.apiroutes import Routes
from postbuch.webmail.login import limiter
from postbuch.webmail.services import services

VERSION = "1"
blueprint = Routes("api", __name__, description="Who asks")


class _Api(Api):  # type: ignore[misc] # flask-smorest ships no types
    ERROR_SCHEMA = apischemas.Problem

    def _register_responses(self) -> None:
        """Those that the description names of its own are errors."""
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM
        try:
            super()._register_responses()
        finally:
            del self.DEFAULT_RESPONSE_CONTENT_TYPE

    def _register_error_handlers(self) -> None:
        """Those of `failures.py` answer for the whole application, and know which addresses are ours."""


@blueprint.route("/me", operation="getMe")
@with_key()
@blueprint.response(200, apischemas.Me)
def me() -> Any:
    """Whose key it is and what it may do: the call to try a key with."""
    with services().transaction() as conn:
        asker().on_record(conn, "api", "me")
    key = asker().key
    return {"login": key.login, "role": asker().role, "key": key.name, "scopes": list(key.scopes)}


def answers(path: str) -> bool:
    """Whether an address is one of ours."""
    return path.startswith(f"{PREFIX}/")


def install(app: Flask, csrf: CSRFProtect) -> None:
    """Add the interface. Its requests take no cookie, so they need no token of a form."""
    app.config.update(
        API_TITLE="Postbuch", API_VERSION=VERSION, OPENAPI_VERSION="3.1.0", OPENAPI_URL_PREFIX=PREFIX,
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {"description": "What the pages show, for programs, within the rights of the key's user."},
            "security": [{"bearer": []}, {"key": []}],
            "components": {"securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            }},
        },
    )  # fmt: skip
    made = _Api(app)
    for each in (
        blueprint, apiletters.blueprint, apisearches.blueprint, apifiles.blueprint, apijobs.blueprint,
    ):
        limiter.limit(LIMIT_BY_KEY, key_func=counted_by)(each)
        limiter.limit(LIMIT_OF_WRONG, key_func=get_remote_address, deduct_when=was_wrong)(each)
        csrf.exempt(each)
        made.register_blueprint(each, url_prefix=PREFIX)
