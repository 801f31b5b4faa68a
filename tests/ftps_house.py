"""A Postbuch with its FTPS door open, letters with attachments in it, and clients that use it."""

import base64
import ftplib
import hashlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from web_archive import Filling, ingest

from postbuch.archive import database, departments, users
from postbuch.archive.database import Role
from postbuch.archive.schema import audit_event
from postbuch.certs.trust import client_context
from provider.instance import Postbuch
from provider.ports import free_port, free_ports

ANNA, BERND, CARLA, EVA, FRANK = (f"{name}@firma.example" for name in ("anna", "bernd", "carla", "eva", "frank"))
AUDITOR, PASSWORD = "pruefer@firma.example", "ein langes Geheimnis"
AT = datetime(2025, 3, 14, 9, 30, tzinfo=UTC)
DAY = "/2025/03/14"
REPORT = bytes(range(256)) * 1200  # 300 KiB with every octet in it, line ends among them
# More than the kernel takes from a server whose client reads nothing.
LARGE = 24 << 20
PASSIVE = 20


def message(number: str, *files: tuple[str, bytes], received: str = "") -> bytes:
    """A message with attachments."""
    head = (
        f"{received}From: absender@kunde.example\r\nTo: alle@firma.example\r\nSubject: Brief {number}\r\n"
        f"Message-ID: <{number}@kunde.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nHallo\r\n'
    )
    body = b"".join(_part(*file) for file in files)
    return head.encode() + body + b"--x--\r\n"


def _part(name: str, octets: bytes) -> bytes:
    word = base64.b64encode(name.encode()).decode()
    return (
        "--x\r\nContent-Type: application/octet-stream\r\n"
        f'Content-Disposition: attachment; filename="=?utf-8?B?{word}?="\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    ).encode() + base64.encodebytes(octets).replace(b"\n", b"\r\n")


class Client(ftplib.FTP_TLS):
    """As FileZilla and curl do it: the data connection resumes the session of the control connection."""

    resumes = True

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        plain, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = self.sock.session if self.resumes and isinstance(self.sock, ssl.SSLSocket) else None
        return self.context.wrap_socket(plain, server_hostname=self.host, session=session), size

    def names(self, path: str) -> list[str]:
        """The names in a folder by MLSD."""
        return [name for name, _ in self.mlsd(path)]

    def fetch(self, path: str, rest: int | None = None) -> bytes:
        """A file."""
        parts: list[bytes] = []
        self.retrbinary(f"RETR {path}", parts.append, rest=rest)
        return b"".join(parts)

    def tree(self, path: str = "/") -> dict[str, str]:
        """Every file below a folder: path → SHA-256 of what comes."""
        found: dict[str, str] = {}
        for name, facts in list(self.mlsd(path)):
            here = f"{path.rstrip('/')}/{name}"
            if facts["type"] == "dir":
                found |= self.tree(here)
            else:
                found[here] = hashlib.sha256(self.fetch(here)).hexdigest()
        return found


@dataclass(frozen=True, kw_only=True)
class FtpsHouse:
    """The running installation and where its door is."""

    postbuch: Postbuch
    port: int

    @property
    def trust(self) -> ssl.SSLContext:
        return client_context(self.postbuch.ca_file)

    @contextmanager
    def plain(self) -> Iterator[Client]:
        """Connected, nothing said."""
        client = Client(context=self.trust, timeout=30)
        client.connect("localhost", self.port)
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def client(self, login: str, password: str = PASSWORD) -> Iterator[Client]:
        """Logged in."""
        with self.plain() as client:
            client.login(login, password)
            client.prot_p()
            yield client

    def events(self, **wanted: str) -> list[Any]:
        """The events of the record, newest first."""
        with database.connection(self.postbuch.config, Role.OWNER) as conn:
            query = select(audit_event).order_by(audit_event.c.id.desc())
            for name, value in wanted.items():
                query = query.where(audit_event.c[name] == value)
            return list(conn.execute(query))

    def disk(self) -> dict[str, str]:
        """The tree in the data folder: path → SHA-256."""
        root = self.postbuch.data / "attachments"
        return {
            f"/{path.relative_to(root)}": hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob("*") if path.is_file()
        }  # fmt: skip


def with_ftps(file: Path, *lines: str) -> int:
    """Open the door in a configuration; its port."""
    port, first = free_port(), free_ports(PASSIVE)
    text = (
        f'\n[ftps]\nlisten = "127.0.0.1:{port}"\npassive_ports = "{first}-{first + PASSIVE - 1}"\n'
        + "".join(f"{line}\n" for line in lines)
    )  # fmt: skip
    file.write_text(file.read_text() + text)
    return port


def fill(postbuch: Postbuch) -> None:
    """Letters of three accounts, an auditor, a department of Bernd that reads Carla."""
    filling = Filling()
    filling.add(message("eins", ("Rechnung März.pdf", b"%PDF eins"), ("report.bin", REPORT)), ANNA, at=AT)
    same = (("a.pdf", b"one"), ("a.pdf", b"two"), ("a-2.pdf", b"three"), ("", b"four"))
    filling.add(message("zwei", *same), ANNA, at=AT)
    filling.add(message("drei", ("geheim.txt", b"line\nline\n")), BERND, at=AT)
    # One letter of which each has his own copy.
    filling.add(message("vier", ("plan.txt", b"Bernds")), BERND, source="submission", mailbox=None, at=AT)
    received = "Received: from x; Fri, 14 Mar 2025 09:31:00 +0000\r\n"
    filling.add(message("vier", ("plan.txt", b"Bernds"), received=received), ANNA, at=AT)
    filling.add(message("fünf", ("alt.txt", b"old")), CARLA, at=datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC))
    large = ("gross.bin", bytes(range(256)) * (LARGE >> 8))
    filling.add(message("gross", large), CARLA, at=datetime(2024, 2, 29, tzinfo=UTC))
    filling.add(message("sechs"), CARLA, at=datetime(2021, 1, 1, tzinfo=UTC))
    ingest(postbuch.config, filling.records)
    with database.connection(postbuch.config, Role.OWNER) as conn:
        users.create_user(conn, AUDITOR, role="auditor", password=PASSWORD)
        for login in (BERND, EVA):
            users.create_user(conn, login, password=PASSWORD)
        users.create_user(conn, FRANK, role="admin", password=PASSWORD)
        users.grant(conn, BERND, BERND, by="test")
        departments.add(conn, "Einkauf", by="test")
        departments.change(conn, "Einkauf", by="test", add_members=[BERND], add_accounts=[CARLA])
