"""Imports point one way, and each big library is imported in the few files that are its home."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("archive", "certs", "cli", "proxy", "rules", "webmail")

# Which of our packages each may import besides itself.
MAY_IMPORT = {
    "archive": set[str](),
    "certs": {"archive"},
    "rules": {"certs", "archive"},
    "webmail": {"rules", "certs", "archive"},
    "proxy": {"certs", "archive"},
    "cli": {"webmail", "rules", "certs", "archive", "proxy"},
}

# The files that may import a library; everywhere else its types and exceptions are unknown.
HOMES: dict[str, tuple[str, ...]] = {
    "OpenSSL": ("certs/reactor.py",),
    "aiosmtpd": ("proxy/submission*.py",),
    "alembic": ("archive/migrations/*",),
    "argon2": ("archive/users.py",),
    "apscheduler": ("archive/keeping.py",),
    "PIL": ("archive/extract_draw.py",),
    "caio": ("archive/spoolring.py",),
    "charset_normalizer": ("archive/extract_plain.py",),
    "cryptography": (
        "archive/checker.py", "archive/seal.py", "archive/signednote.py", "archive/timestamp.py", "certs/authority.py",
        "proxy/signing.py",
    ),
    "dkim": ("archive/dkimcheck.py", "proxy/signing.py"),
    "dns": ("archive/dnsrecords.py",),
    "fast_mail_parser": ("archive/mimefast.py",),
    "flask": ("webmail/*",),
    "flask_babel": ("webmail/*",),
    "flask_limiter": ("webmail/*",),
    "flask_login": ("webmail/*",),
    "flask_smorest": ("webmail/api*.py",),
    "flask_wtf": ("webmail/*",),
    "limits": ("webmail/ftps_guard.py",),
    "marshmallow": ("webmail/api*.py",),
    "icalendar": ("archive/invitationreader.py",),
    "imapclient": ("archive/collect_answers.py", "archive/collect_connection.py"),
    "msgspec": ("archive/parserframe.py", "archive/record.py"),
    "nh3": ("webmail/*",),
    "publicsuffixlist": ("archive/alignment.py",),
    "pybase64": ("archive/skeleton.py",),
    "pydantic": ("archive/config.py", "archive/configfaults.py", "archive/endpoint.py"),
    "pypdfium2": ("archive/extract_pdf.py",),
    "pyftpdlib": ("webmail/ftps_library.py",),
    "pymysql": ("archive/database.py", "archive/databaseerrors.py", "archive/server.py", "archive/setup.py"),
    "rfc3161_client": ("archive/timestamp.py",),
    "rich": ("cli/output.py",),
    "sqlalchemy": ("archive/*", "webmail/sessions.py"),
    "striprtf": ("archive/extract_plain.py",),
    "tantivy": ("archive/index_*.py",),
    "tinycss2": ("webmail/*",),
    "twisted": ("certs/reactor.py", "cli/child.py", "cli/supervisor.py", "cli/up.py", "webmail/*", "proxy/*"),
    "typer": ("cli/*",),
    "uvloop": ("proxy/*",),
    "webargs": ("webmail/api*.py",),
    "werkzeug": ("webmail/*",),
    "xlsxwriter": ("archive/export_table_xlsx.py",),
    "zope": ("certs/reactor.py", "webmail/*"),
    "zstandard": ("archive/*",),
}

# What a function may take from its caller without knowing more of the library.
HANDED_ON = {"sqlalchemy.Connection", "sqlalchemy.Engine"}


def _files() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")
                  if "node_modules" not in path.parts)  # fmt: skip


@cache
def _imported(path: Path) -> tuple[str, ...]:
    return tuple(_names(path))


def _names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write postbuch.… in full, a relative import hides the direction"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_in_one_direction(package: str) -> None:
    """cli → webmail → rules → certs → archive; proxy → certs, archive; nothing the other way."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _files()
        if path.relative_to(ROOT).parts[0] == package
        for name in _imported(path)
        if name.startswith("postbuch.") and name.split(".")[1] not in {package, *MAY_IMPORT[package]}
    ]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(HOMES))
def test_each_library_stays_in_its_home(library: str) -> None:
    """Replacing a library then means changing the files that are named here."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in _files()
        if any(name.split(".")[0] == library and name not in HANDED_ON for name in _imported(path))
        and not any(fnmatch(str(path.relative_to(ROOT)), home) for home in HOMES[library])
    ]
    assert wrong == []


def test_no_module_is_called_by_what_it_is_not() -> None:
    """Names that say nothing attract everything: utils, helpers, common, manager."""
    banned = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [str(path) for path in _files() if path.stem in banned] == []
