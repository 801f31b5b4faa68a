"""No password in any file, log, database, command line or environment, whatever happens to it (invariant 8).

Passwords that stand nowhere else are used in every way there is, right and wrong, while upstream works, is away, and
while processes die. Then everything that Postbuch has written and shown is searched for them.
"""

import base64
import contextlib
import functools
import http.client
import imaplib
import re
import signal
import smtplib
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest
from sqlalchemy import MetaData, create_engine, func, select

from postbuch.archive import database
from postbuch.archive.database import Role, connection
from postbuch.archive.schema import account, collect_account, credential, image
from postbuch.certs.trust import client_context
from provider.dovecot import Dovecot
from provider.instance import ADMIN, ADMIN_PASSWORD, Postbuch, write_config
from provider.ports import wait_until
from provider.sink import Sink

ANNA, BERND, CARLA = (f"{name}@firma.example" for name in ("anna", "bernd", "carla"))
USERS = {ANNA: "Xk7-planted-Anna-81", BERND: "Yq3-planted-Bernd-44", CARLA: "Zw9-planted-Carla-17"}
# Whose own password Postbuch never hears: only the master user can open the mailbox.
DORA = "dora@firma.example"
MASTER, MASTER_PASSWORD, WRONG_MASTER = "archivar", "Ub2-planted-Master-93", "Tc6-planted-Wrong-28"
MASTERS = """
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {file}
  master = yes
}}
"""
WRONG = "Vj5-planted-Wrong-62"
MAIL = b"Subject: for %s\r\n\r\nx\r\n"


def forms(secret: str, user: str) -> Iterator[bytes]:
    """How it may stand somewhere: as it is, in UTF-16, in base64 at any place of a text, as PLAIN sends it."""
    octets = secret.encode()
    yield octets
    yield secret.encode("utf-16-le")
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + octets)
        yield encoded[4 if before else 0 : -4]
    yield base64.b64encode(f"\0{user}\0{secret}".encode())[8:-4]
    yield octets.hex().encode()


@pytest.fixture
def provider() -> Iterator[tuple[Dovecot, Sink]]:
    with (
        tempfile.TemporaryDirectory(prefix="postbuch-planted-") as name, tempfile.TemporaryDirectory() as other,
        tempfile.NamedTemporaryFile("w", prefix="postbuch-masters-") as masters,
    ):
        masters.write(f"{MASTER}:{{PLAIN}}{MASTER_PASSWORD}\n")
        masters.flush()
        Path(masters.name).chmod(0o644)
        people = {**USERS, DORA: "kennt-niemand"}
        with (
            Dovecot(Path(name), people, extra_configuration=MASTERS.format(file=masters.name)) as server,
            Sink(Path(other), USERS) as sink,
        ):
            yield server, sink


@pytest.fixture
def instance(tmp_path: Path, provider: tuple[Dovecot, Sink]) -> Iterator[Postbuch]:
    server, sink = provider
    file = write_config(
        tmp_path / "postbuch", imap=f"imaps://localhost:{server.imaps_port}",
        submission=f"smtps://localhost:{sink.smtps_port}", ca_files=[server.ca_file, sink.ca_file],
    )  # fmt: skip
    master = tmp_path / "master"
    master.write_text(WRONG_MASTER + "\n")
    file.write_text(
        file.read_text() + f'remember = true\nmaster_user = "{MASTER}"\nmaster_password_file = "{master}"\n'
    )
    made = Postbuch(file)
    made.initialise()
    (made.folder / "admin-password").unlink()  # the admin's own, given to `init`
    try:
        made.start()
        yield made
    finally:
        made.kill()


def by_imap(instance: Postbuch, user: str, password: str) -> None:
    trust = client_context(instance.ca_file)
    for plain in (False, True):
        with (
            imaplib.IMAP4_SSL("localhost", instance.imap_port, ssl_context=trust, timeout=60) as client,
            contextlib.suppress(imaplib.IMAP4.error),
        ):
            if plain:
                client.authenticate("PLAIN", lambda challenge: f"\0{user}\0{password}".encode())
            else:
                client.login(user, password)


def by_smtp(instance: Postbuch, user: str, password: str) -> None:
    trust = client_context(instance.ca_file)
    for mechanism in ("auth_plain", "auth_login"):
        with smtplib.SMTP_SSL("localhost", instance.submission_port, context=trust, timeout=60) as client:
            client.ehlo()
            client.user, client.password = user, password
            with contextlib.suppress(smtplib.SMTPException):
                client.auth(mechanism.removeprefix("auth_").upper(), getattr(client, mechanism))


def by_web(instance: Postbuch, user: str, password: str) -> int:
    trust = ssl.create_default_context(cafile=str(instance.ca_file))
    client = http.client.HTTPSConnection("localhost", instance.web_port, context=trust, timeout=60)
    client.request("GET", "/login")
    answer = client.getresponse()
    cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', answer.read().decode())
    assert token is not None
    body = urlencode({"csrf_token": token[1], "login": user, "password": password})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie,
        "Referer": f"https://localhost:{instance.web_port}/login",
    }
    client.request("POST", "/login", body, headers)
    status = client.getresponse().status
    client.close()
    return status


def shown(instance: Postbuch) -> Iterator[tuple[str, bytes]]:
    """What commands say, and what anyone on the machine can see of the processes."""
    for words in (("status", "--json"), ("doctor", "--json"), ("account", "list", "--json")):
        yield " ".join(words), instance.command(*words).encode()
    for process in [psutil.Process(instance.pid), *psutil.Process(instance.pid).children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            yield f"process {process.pid}", repr((process.cmdline(), process.environ())).encode()


def runs(instance: Postbuch, name: str) -> bool:
    """Whether this process is there."""
    return instance.child(name) is not None


def failure_of(instance: Postbuch, user: str) -> str:
    """What the collector says is wrong with an account."""
    with connection(instance.config, Role.WEB) as conn:
        query = select(collect_account.c.failure).join(account, account.c.id == collect_account.c.account_id)
        return conn.scalar(query.where(account.c.address == user)) or ""


def dumped(instance: Postbuch) -> Iterator[tuple[str, bytes]]:
    """Every row of every table."""
    engine = create_engine(database.url(instance.config, Role.OWNER))
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as conn:
        for table in tables.sorted_tables:
            for row in conn.execute(select(table)):
                yield f"table {table.name}", b"\0".join(
                    value if isinstance(value, bytes) else str(value).encode() for value in row
                )
    engine.dispose()


@pytest.mark.timeout(600)
def test_no_password_is_left_anywhere(
    instance: Postbuch, provider: tuple[Dovecot, Sink], tmp_path: Path
) -> None:
    """The archive has mail that only the collector can have fetched with them, and they stand nowhere."""
    server, _ = provider
    for user in (*USERS, DORA):
        server.deliver(user, MAIL % user.encode())
    secret, master = tmp_path / "secret", tmp_path / "master"
    instance.command("account", "add", DORA)
    wait_until(lambda: "AUTHENTICATIONFAILED" in failure_of(instance, DORA), "the wrong master password", 60)
    master.write_text(MASTER_PASSWORD + "\n")
    for user, password in ((ANNA, USERS[ANNA]), (ANNA, WRONG)):
        by_imap(instance, user, password)
        by_smtp(instance, user, password)
        assert by_web(instance, user, password) == (302 if password == USERS[user] else 401)
    by_smtp(instance, BERND, USERS[BERND])
    secret.write_text(USERS[CARLA] + "\n")
    instance.command("account", "store", CARLA, "--password-file", str(secret))
    secret.write_text(WRONG + "\n")
    instance.command("account", "test", ANNA, "--password-file", str(secret))

    def collected() -> bool:
        with connection(instance.config, Role.WEB) as conn:
            done = conn.scalar(
                select(func.count()).select_from(collect_account).where(collect_account.c.finished_at.is_not(None))
            )
            return conn.scalar(select(func.count()).select_from(image)) == len(USERS) + 1 == done

    wait_until(collected, "the collector to use each of them", 60)
    with connection(instance.config, Role.INGEST) as conn:
        assert conn.scalar(select(func.count()).select_from(credential)) == len(USERS)
    instance.command("account", "rotate-key")
    found = list(shown(instance))
    server.stop()
    by_imap(instance, ANNA, USERS[ANNA])
    by_web(instance, ANNA, USERS[ANNA])
    for name in ("proxy", "archive", "webmail"):
        child = instance.child(name)
        assert child is not None
        child.send_signal(signal.SIGSEGV)
        psutil.wait_procs([child], timeout=30)
        wait_until(functools.partial(runs, instance, name), f"another {name}", 60)
    found += shown(instance)
    found += dumped(instance)
    instance.stop()
    secret.unlink()
    master.unlink()
    found += [(str(path.relative_to(tmp_path)), path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(found) > 100 and any("ibd" in name for name, _ in found)
    secrets = [
        *((password, user) for user, password in USERS.items()), (WRONG, ANNA), (ADMIN_PASSWORD, ADMIN),
        (MASTER_PASSWORD, MASTER), (WRONG_MASTER, MASTER),
    ]  # fmt: skip
    leaks = [
        (name, password) for name, octets in found for password, user in secrets
        if any(form in octets for form in forms(password, user))
    ]  # fmt: skip
    assert leaks == []
