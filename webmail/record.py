"""Putting on record what somebody is about to be shown (invariant 9), with the name and the address of the browser."""

import re
from collections.abc import Mapping
from typing import Any

from flask import request
from sqlalchemy import Connection

from postbuch.archive import audit
from postbuch.webmail.sessions import viewer


def on_record(
    conn: Connection, action: str, target: str, after: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Write the event in this transaction; the answer is made after it is committed."""
    audit.record(conn, viewer().login, origin(), action, target, before, after)


def page_asked() -> str:
    """The address that was asked for, without what differs from letter to letter or was typed: `/m/…/evidence`."""
    return re.sub(r"<[^<>]*>", "…", str(request.url_rule))


def origin() -> str:
    """The address that the request came from."""
    return request.remote_addr or "unknown"
