"""Links to other programs, made by admins and shown on letters and senders: `https://crm.example/?mail=#EMAIL#`.

Every value is percent-encoded, so that nothing out of a letter can change where a link leads. Pure but for the table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from sqlalchemy import Connection, insert, select, update

from postbuch.archive import said
from postbuch.archive.audit import now
from postbuch.archive.errors import NotFound, UsageError
from postbuch.archive.schema import link_template
from postbuch.archive.users import FOREVER
from postbuch.archive.widths import KEY_CHARACTERS
from postbuch.archive.wrong import Wrong

VARIABLES = ("EMAIL", "DOMAIN", "NAME", "SUBJECT", "MESSAGEID", "ID")
SCHEMES = ("http", "https", "tel", "sip")
MAX_CHARACTERS = 2_000
# Shown beside each letter: more would be a page of its own.
MAX_TEMPLATES = 20
_VARIABLE = re.compile(r"#([A-Za-z_]+)#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One link: its number, what it is called, the address with variables."""

    id: int
    name: str
    template: str

    def fill(self, values: Mapping[str, str]) -> str | None:
        """The address for these values (variable → value); None when one that it needs is empty."""
        needed = _VARIABLE.findall(self.template)
        if any(not values.get(name) for name in needed):
            return None
        return _VARIABLE.sub(lambda found: quote(values[found[1]].encode("utf-8", "replace"), safe=""), self.template)


def check(name: str, template: str) -> tuple[str, str]:
    """Name and address as they are kept. Raises UsageError with what is wrong."""
    name, template = name.strip(), template.strip()
    if not name or len(name) > KEY_CHARACTERS:
        raise UsageError(Wrong.LINK_NAME.said(number=KEY_CHARACTERS))
    if not template or len(template) > MAX_CHARACTERS:
        raise UsageError(Wrong.LINK_LENGTH.said(number=MAX_CHARACTERS))
    if any(ord(character) <= 0x20 or ord(character) == 0x7F for character in template) or "\\" in template:
        raise UsageError(Wrong.LINK_CHARACTERS.said())
    unknown = [found for found in _VARIABLE.findall(template) if found not in VARIABLES]
    if unknown:
        known = ", ".join(f"#{each}#" for each in VARIABLES)
        raise UsageError(Wrong.LINK_VARIABLE.said(name=unknown[0], known=known))
    scheme = template.partition(":")[0].lower()
    if ":" not in template or scheme not in SCHEMES:
        raise UsageError(Wrong.LINK_SCHEME.said(schemes=said.alternatives([f"{each}:" for each in SCHEMES])))
    if scheme in ("http", "https"):
        _check_host(template)
    return name, template


def _check_host(template: str) -> None:
    try:
        parts = urlsplit(template.split("#", 1)[0] if not _VARIABLE.search(template) else _VARIABLE.sub("x", template))
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, None
    start = template.partition("://")[2]
    authority = re.split(r"[/?]", start, maxsplit=1)[0]
    if not host or parts is None or parts.username is not None or _VARIABLE.search(authority):
        raise UsageError(Wrong.LINK_HOST.said())


def listed(conn: Connection) -> list[Template]:
    """Those that hold, by name."""
    query = select(link_template).where(link_template.c.until == FOREVER).order_by(link_template.c.name)
    return [Template(id=row.id, name=row.name, template=row.template) for row in conn.execute(query)]


def add(conn: Connection, name: str, template: str, *, by: str) -> int:
    """Make one; its number. Raises UsageError."""
    name, template = check(name, template)
    if len(listed(conn)) >= MAX_TEMPLATES:
        raise UsageError(Wrong.TOO_MANY_LINKS.said(number=MAX_TEMPLATES))
    made = conn.execute(
        insert(link_template).prefix_with("IGNORE"),
        {"name": name, "template": template, "since": now(), "until": FOREVER, "made_by": by[:KEY_CHARACTERS]},
    )
    if not made.rowcount:
        raise UsageError(Wrong.LINK_TAKEN.said(name=name))
    return int(conn.scalars(
        select(link_template.c.id).where(link_template.c.name == name, link_template.c.until == FOREVER)
    ).one())  # fmt: skip


def remove(conn: Connection, number: int) -> Template:
    """End one; its row stays with its end. Raises NotFound."""
    found = next((each for each in listed(conn) if each.id == number), None)
    if found is None:
        raise NotFound(Wrong.NO_LINK.said(number=number))
    conn.execute(update(link_template).where(link_template.c.id == number).values(until=now()))
    return found


def values_of(*, address: str, name: str, subject: str = "", message_id: str = "", letter_id: int | None = None
              ) -> dict[str, str]:  # fmt: skip
    """The variables of a letter or a sender."""
    return {
        "EMAIL": address, "DOMAIN": address.rpartition("@")[2], "NAME": name or address, "SUBJECT": subject,
        "MESSAGEID": message_id, "ID": "" if letter_id is None else str(letter_id),
    }
