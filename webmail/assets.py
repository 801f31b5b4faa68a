"""The built style sheet, script and icons: which file is the current one, and how a template names an icon.

`build.mjs` puts them into static/dist under names with their digest, so browsers may keep them for a year.
"""

import json
from functools import cache, lru_cache
from pathlib import Path

from flask import Flask, Response, redirect, request, url_for
from markupsafe import Markup

from postbuch.archive.errors import ConfigError
from postbuch.archive.settingreasons import Setting

FOLDER = Path(__file__).parent / "static" / "dist"
YEAR_S = 365 * 24 * 3600


@cache
def manifest() -> dict[str, str]:
    """Current file name of each asset. Raises ConfigError when the assets were never built."""
    try:
        found: dict[str, str] = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    except OSError:
        raise ConfigError(Setting.NO_ASSETS.said(path=FOLDER)) from None
    return found


def asset(name: str) -> str:
    """The address of an asset, for example `app.css`."""
    return url_for("static", filename=manifest()[name])


def icon(name: str, label: str = "") -> Markup:
    """An icon of the sprite; without a label it is decoration."""
    return _icon(name, label, request.script_root)


@lru_cache(maxsize=1_000)
def _icon(name: str, label: str, _root: str) -> Markup:
    """A page has sixty of them; the prefix stands in the address of the sprite."""
    said = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    picture = Markup('<svg class="icon" width="18" height="18" {}><use href="{}#{}"></use></svg>')
    return picture.format(said, asset("icons.svg"), name)


def install(app: Flask) -> None:
    """Make `asset` and `icon` known to the templates; kept files are kept for good."""
    manifest()
    app.jinja_env.globals.update(asset=asset, icon=icon)
    # Browsers ask for it by this name beside a file that cannot name another, a PDF for example.
    app.add_url_rule("/favicon.ico", "favicon", lambda: redirect(asset("favicon.svg")))


def keep(response: Response) -> Response:
    """A name with a digest never changes what it names."""
    response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
    return response
