"""The web mail client as a WSGI application. Knows no server; `process.py` runs it."""

import contextlib
import gc
import os
import secrets
from datetime import UTC
from pathlib import Path

from flask import Flask, Response, request
from flask_login import LoginManager
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from postbuch.archive import clock, systemwords
from postbuch.archive.config import Config
from postbuch.archive.dkimparser import SignatureParser
from postbuch.archive.errors import ConfigError
from postbuch.archive.settingreasons import Setting
from postbuch.webmail import (
    accountpart,
    admin,
    api,
    apikeys,
    assets,
    auditlog,
    completeness,
    deeplinks,
    export_list,
    failures,
    files,
    finding,
    folders,
    jobs,
    language,
    letter,
    lists,
    listsettings,
    listwords,
    login,
    mailbox,
    media,
    outgoing,
    people,
    policy,
    saved,
    senders,
    settings,
    shown,
    topics,
    verification,
)
from postbuch.webmail import sessions as sessions_module
from postbuch.webmail.drawings import Drawings
from postbuch.webmail.reading import Reader
from postbuch.webmail.requests import MAX_FORM_OCTETS, Request, written
from postbuch.webmail.services import EXTENSION, Services, pages_engine

KEY_FILE = "web.key"
_SECRET_OCTETS = 32
# A page of fifty letters makes some thousand objects that stay until it is answered: looked through once in some pages.
GC_THRESHOLDS = (20_000, 20, 20)


def create_app(config: Config) -> Flask:
    """The application; `app.extensions["postbuch"].close()` ends what it started. Raises ConfigError."""
    app = Flask(__name__, static_folder=None)
    app.request_class = Request
    secure = policy.is_secure(config)
    app.config.update(
        SECRET_KEY=_secret(config),
        # The prefix binds the cookie to this host and path and to TLS (RFC 6265bis section 4.1.3.2).
        SESSION_COOKIE_NAME="__Host-postbuch" if secure else "postbuch",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        # Strict would ask everybody for the password again who follows a link from Word or a CRM.
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=MAX_FORM_OCTETS,
        # As long as the session: a page left open over lunch still works.
        WTF_CSRF_TIME_LIMIT=None,
        RATELIMIT_HEADERS_ENABLED=False,
        BABEL_DEFAULT_LOCALE=language.FALLBACK,
    )
    app.extensions[EXTENSION] = Services(
        config=config, engine=pages_engine(config), reader=Reader(), signatures=SignatureParser(),
        drawings=Drawings(config.data),
    )  # fmt: skip
    if config.web.listen.startswith("http://"):
        # Plain HTTP is for a proxy on this machine, which says whom it asks for.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    language.install(app)
    csrf = CSRFProtect(app)
    login.limiter.init_app(app)
    manager = LoginManager(app)
    manager.session_protection = None  # our sessions are rows with an end; addresses of phones change
    sessions_module.install(manager)
    manager.unauthorized_handler(login.demand_login)
    assets.install(app)
    failures.install(app)
    _templates(app)
    for blueprint in (
        login.blueprint, settings.blueprint, mailbox.blueprint, letter.blueprint, files.blueprint, admin.blueprint,
        completeness.blueprint, auditlog.blueprint, verification.blueprint, media.blueprint, senders.blueprint,
        topics.blueprint, listsettings.blueprint, deeplinks.blueprint, outgoing.blueprint,
        finding.blueprint, saved.blueprint, export_list.blueprint, jobs.blueprint, apikeys.blueprint,
    ):
        app.register_blueprint(blueprint)
    app.url_defaults(lists.keep_place)
    api.install(app, csrf)

    @app.before_request
    def days() -> None:
        # Days are those that the rows show: the reader's on pages, of UTC for programs.
        clock.use(UTC if api.answers(request.path) else language.choose_zone())

    @app.after_request
    def headers(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code == 200:
            assets.keep(response)
        return policy.apply(response, config)

    return app


def settle() -> None:
    """For a process that has begun: what it is made of stays.

    Looking through all of that for what is not needed any more would stop a page for 90 ms now and then. What a page
    leaves behind is freed by counting, so cycles can wait.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _templates(app: Flask) -> None:
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    shown.install(app)
    app.jinja_env.filters.update(
        short_time=language.short_time, long_time=language.long_time, exact_time=language.exact_time,
        iso_time=language.iso_time, moment=people.moment, count=language.count, size=language.size,
        told=language.told, short_names=people.short_names,
    )
    app.jinja_env.globals.update(
        languages=language.LANGUAGES, sources=language.SOURCES, themes=settings.THEMES, theme=settings.theme,
        letters_look=settings.letters, dark_letters=settings.dark_letters,
        language=language.language, export_menu_of=export_list.menu, shown_name=folders.shown_name,
        account_part=accountpart.account_part,
        list_ops=listwords.offered(),
        here=lambda: written(request),
    )


def _secret(config: Config) -> bytes:
    """What signs the cookies: made once, readable for us alone. Raises ConfigError."""
    path = config.data / "keys" / KEY_FILE
    try:
        return _read_secret(path) or _make_secret(path)
    except OSError as error:
        raise ConfigError(Setting.WEB_KEY_UNREADABLE.said(path=path, cause=systemwords.cause(error))) from None


def _read_secret(path: Path) -> bytes | None:
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(found) < _SECRET_OCTETS:
        raise ConfigError(Setting.WEB_KEY_DAMAGED.said(path=path))
    return found


def _make_secret(path: Path) -> bytes:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = secrets.token_bytes(_SECRET_OCTETS)
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(made)
    try:
        # A link, not a rename: of two processes that start at once, the first one's secret stays.
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink()
    return path.read_bytes()
