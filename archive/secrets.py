"""The passwords of the database users: `keys/database.json`, made once, readable by the owner of the folder alone."""

import json
import secrets
from pathlib import Path

from postbuch.archive import private

_FILE = "database.json"
# 24 octets: 192 bits, far beyond guessing.
_PASSWORD_OCTETS = 24


def read(keys: Path) -> dict[str, str]:
    """User → password; empty before the first one was made."""
    try:
        found: dict[str, str] = json.loads((keys / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def ensure(keys: Path, user: str) -> str:
    """The user's password, made and durable on the disk if it was not there."""
    known = read(keys)
    if user not in known:
        known[user] = secrets.token_urlsafe(_PASSWORD_OCTETS)
        _write(keys, known)
    return known[user]


def forget(keys: Path, users: list[str]) -> None:
    """Drop the passwords of users that could not be made."""
    _write(keys, {user: password for user, password in read(keys).items() if user not in users})


def _write(keys: Path, known: dict[str, str]) -> None:
    private.write(keys / _FILE, known)
