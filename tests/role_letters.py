"""An archive with one letter for each way to stand to it, and one user for each role, for the table of docs/roles.md.

Everything that a letter could give away holds its mark, a word that stands nowhere else.
"""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from web_archive import Filling, archive, ingest, old

from postbuch.archive import database, departments, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.schema import attachment, letter, letter_image, letter_place, part, sighting

# By a grant on his own account, by one on another, by his department, not at all.
RELATIONS = ("own", "granted", "department", "foreign")
ROLES = ("employee", "auditor", "admin")
PASSWORD = "ein langes Geheimnis"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc0f01f00050002"
    "01a5d6f0c70000000049454e44ae426082"
)
INLINE, PDF, PICTURE = 1, 2, 3
# Sent by a colleague from the foreign account, with a recipient in Bcc; what arrived at the own account is another
# image of the same letter.
SENT = (
    b"From: kollege@firma.example\r\nTo: alle@firma.example\r\nSubject: Rundbrief\r\n"
    b"Message-ID: <rundbrief@firma.example>\r\n\r\nAn alle.\r\n"
)
ARRIVED = b"Received: from mail.firma.example; Mon, 02 Nov 2026 10:00:00 +0100\r\n" + SENT
# As long as the marks, so that a page that repeats what was asked for is as long.
NOWHERE, NOBODY = "nowhere", 999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One letter, or with numbers that nothing has, none."""

    mark: str
    id: int
    image: int
    account: int
    mailbox: int
    sha256: str
    place: str
    attachment: int  # the PDF

    @property
    def message_id(self) -> str:
        return f"nummer.{self.mark}@kunde.example"


def address(relation: str) -> str:
    """The account of the letter."""
    return f"konto.mark{relation}@firma.example"


def login(role: str) -> str:
    """The user of the role."""
    return f"rolle.{role}@firma.example"


def nothing() -> Letter:
    """A letter that does not exist."""
    return Letter(
        mark=NOWHERE, id=NOBODY, image=NOBODY, account=NOBODY, mailbox=NOBODY, sha256="0" * 64,
        place="2020-01-01T00:00:00_1", attachment=NOBODY,
    )


def octets(mark: str) -> bytes:
    """A message with a picture in its text, a PDF and a picture beside it."""
    png = base64.b64encode(PNG).decode()
    return (
        f"From: {mark} <absender.{mark}@kunde.example>\r\nTo: an.{mark}@firma.example\r\nSubject: Betreff {mark}\r\n"
        f"Message-ID: <nummer.{mark}@kunde.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="x"\r\n\r\n'
        f'--x\r\nContent-Type: text/html\r\n\r\n<p>Rumpf {mark}</p><img src="cid:bild@x">\r\n'
        "--x\r\nContent-Type: image/png\r\nContent-ID: <bild@x>\r\nContent-Disposition: inline\r\n"
        f"Content-Transfer-Encoding: base64\r\n\r\n{png}\r\n"
        f'--x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="{mark}.pdf"\r\n\r\n'
        f"%PDF-1.4 {mark}\r\n"
        f'--x\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename="{mark}.png"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{png}\r\n--x--\r\n"
    ).encode()


@contextmanager
def roles_archive(folder: Path) -> Iterator[tuple[Config, dict[str, Letter]]]:
    """The configuration with its database running, and the letters by relation."""
    with archive(folder / "data", "127.0.0.1:1") as config:
        filling = Filling()
        for days, relation in enumerate(RELATIONS):
            filling.add(octets(f"mark{relation}"), address(relation), mailbox=f"Ordner.mark{relation}", at=old(days))
        filling.add(SENT, address("foreign"), mailbox=None, source="submission", at=old(9), envelope={
            "mail_from": "kollege@firma.example", "parameters": "", "client_name": "x", "at": old(9).isoformat(),
            "recipients": [{"address": "geheim.markforeign@firma.example", "code": 250, "text": "ok"}],
        })
        filling.add(ARRIVED, address("own"), mailbox="Ordner.markown", at=old(9))
        ingest(config, filling.records)
        with database.connection(config, Role.OWNER) as conn:
            departments.add(conn, "Einkauf", by="test")
            for role in ROLES:
                users.create_user(conn, login(role), role=role, password=PASSWORD)
            for role in ("employee", "admin"):
                for relation in ("own", "granted"):
                    users.grant(conn, login(role), address(relation), by="test")
            departments.change(
                conn, "Einkauf", by="test", add_members=[login("employee"), login("admin")],
                add_accounts=[address("department")],
            )
            rows = conn.execute(
                select(
                    letter, attachment.c.id.label("file_id"), letter_image.c.image_id, letter_place.c.account_id,
                    letter_place.c.mailbox_id,
                )
                .join(letter_image, letter_image.c.letter_id == letter.c.id)
                .join(letter_place, letter_place.c.letter_id == letter.c.id)
                .join(part, (part.c.image_id == letter_image.c.image_id) & (part.c.position == PDF))
                .join(attachment, attachment.c.sha256 == part.c.sha256)
                .join(sighting, sighting.c.image_id == letter_image.c.image_id)
                .where(sighting.c.uid <= len(RELATIONS)).order_by(sighting.c.uid)
            ).all()
        found = {}
        for relation, row in zip(RELATIONS, rows, strict=True):
            mark = f"mark{relation}"
            found[relation] = Letter(
                mark=mark, id=row.id, image=row.image_id, account=row.account_id, mailbox=row.mailbox_id,
                sha256=hashlib.sha256(octets(mark)).hexdigest(),
                place=f"{row.sort_at.isoformat()}_{row.id}", attachment=row.file_id,
            )
        yield config, found


def table_of(page: str, heading: str) -> dict[str, dict[str, str]]:
    """The Markdown table below a heading of docs/roles.md: first cell → heading of the column → cell."""
    lines = [line for line in page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].splitlines()
             if line.startswith("|")]  # fmt: skip
    titles, _, *rows = [[cell.strip() for cell in line.replace("\\|", "\N{BROKEN BAR}").strip("|").split("|")]
                        for line in lines]  # fmt: skip
    return {row[0].replace("`", ""): dict(zip(titles[1:], row[1:], strict=True)) for row in rows}
