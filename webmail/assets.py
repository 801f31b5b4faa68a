"""The built style sheet, script and icons: which file is the current one, and how a template names an icon.

`build.mjs` puts them into static/dist under names with their digest, so browsers may keep them for a year. They are
read once: an update takes the files away under a process that runs, whose pages go on with what they were made for.
"""

import io
import json
from functools import cache, lru_cache
from pathlib import Path

from flask import Flask, Response, abort, redirect, request, send_file, url_for
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


@cache
def _files() -> dict[str, bytes]:
    """What is in the folder, some 180 KB."""
    return {path.name: path.read_bytes() for path in FOLDER.iterdir()}


def _file(filename: str) -> Response:
    content = _files().get(filename)
    if content is None:
        abort(404)
    return send_file(io.BytesIO(content), download_name=filename, etag=False)  # a name with its digest is kept for good


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
    _files()
    app.jinja_env.globals.update(asset=asset, icon=icon)
    app.add_url_rule("/static/<path:filename>", "static", _file)
    # Browsers ask for it by this name beside a file that cannot name another, a PDF for example.
    app.add_url_rule("/favicon.ico", "favicon", lambda: redirect(asset("favicon.svg")))


def keep(response: Response) -> Response:
    """A name with a digest never changes what it names."""
    response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
    return response
