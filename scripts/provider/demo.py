"""The demo: the firm's provider, Postbuch in front of it, and what to type where, until Ctrl-C.

Everything lies in `.demo/`. A second run finds the mail and the archive of the first; `--fresh` starts over.
"""

import argparse
import contextlib
import datetime
import imaplib
import json
import logging
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postbuch.archive.dkimsignature import from_domain
from postbuch.certs import authority
from postbuch.certs.trust import client_context
from provider import firm
from provider.dovecot import Dovecot
from provider.guide import Place, guide
from provider.letter import ZONE
from provider.mailer import Mailer
from provider.nameserver import NameServer
from provider.people import DOMAIN, EMPLOYEES
from provider.ports import free_port
from provider.signer import Signer, ed25519_signer
from provider.voucher import Item, voucher

ROOT = Path(__file__).resolve().parent.parent.parent
ADMIN, ADMIN_PASSWORD = f"admin@{DOMAIN}", "admin-Postbuch-1"
IMAP_PORT, SMTP_PORT, WEB_PORT = 9993, 9465, 9443
START_PATIENCE_S = 120.0
ARCHIVE_PATIENCE_S = 120.0
# `postbuch up` promises to end within 30 s.
END_PATIENCE_S = 35.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where the demo keeps its things."""

    path: Path

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def config(self) -> Path:
        return self.path / "postbuch.toml"

    @property
    def filled(self) -> Path:
        """Exists when the mailboxes hold the firm's mail."""
        return self.path / "filled"


def main(arguments: list[str]) -> int:
    """Run the demo; the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run left")
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo", help="where everything is kept (%(default)s)")
    options = parser.parse_args(arguments)
    folder = Folder(path=options.folder.absolute())
    if options.fresh:
        shutil.rmtree(folder.path, ignore_errors=True)
    folder.path.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _end)
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd warns about its own deprecated names
    try:
        with contextlib.ExitStack() as stack:
            return _run(folder, stack)
    except KeyboardInterrupt:
        return 0


def _end(*_: object) -> None:
    """End by way of the `finally` of everything that was started; a second Ctrl-C must not break into that."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run(folder: Folder, stack: contextlib.ExitStack) -> int:
    users = {employee.address: employee.password for employee in EMPLOYEES.values()}
    _say("starting the provider (Dovecot and a small SMTP server)")
    dovecot = Dovecot(folder.path / "provider", users, tls=True)
    stack.callback(dovecot.stop)
    dovecot.start()
    mailer_port = free_port()
    mailer = Mailer(dovecot, users, _mailer_context(folder), mailer_port)
    stack.callback(mailer.stop)
    mailer.start()
    names = stack.enter_context(NameServer())
    signers = _signers(names)
    if not folder.filled.exists():
        _say("writing twelve weeks of the firm's mail")
        _fill(dovecot, signers)
        folder.filled.touch()
    place = Place(
        folder=folder.path, ca_file=folder.data / "tls" / "ca.pem", imap_port=free_port(IMAP_PORT),
        smtp_port=free_port(SMTP_PORT), web_port=free_port(WEB_PORT), admin=ADMIN, admin_password=ADMIN_PASSWORD,
    )  # fmt: skip
    _write_config(folder, place, dovecot, mailer_port, names)
    _initialise(folder)
    _say("starting Postbuch")
    process = stack.enter_context(_postbuch(folder))
    _say("fetching everybody's mail through Postbuch")
    for address, password in users.items():
        _fetch_all(place, address, password)
    _wait_until_archived(folder)
    print(guide(place), flush=True)
    return process.wait()


def _say(text: str) -> None:
    print(f"demo: {text}", file=sys.stderr, flush=True)


def _mailer_context(folder: Folder) -> ssl.SSLContext:
    files = authority.initialise(folder.path / "provider" / "smtp", ["localhost", "127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server, files.server_key)
    return context


def _signers(names: NameServer) -> dict[str, Signer]:
    """The firm's correspondents with their DKIM keys, which are the same in each run, and what the DNS says of them."""
    domains = {from_domain(each.octets) for each in firm.mail(datetime.datetime.now(datetime.UTC))} - {DOMAIN, ""}
    signers = {domain: ed25519_signer(domain, "demo", seed=f"demo {domain}") for domain in sorted(domains)}
    for domain, signer in signers.items():
        names.texts[signer.key_name] = [signer.record]
        names.texts[f"_dmarc.{domain}"] = [b"v=DMARC1; p=quarantine"]
    return signers


def _fill(dovecot: Dovecot, signers: dict[str, Signer]) -> None:
    """Put the firm's mail into the mailboxes as it would lie there, with its dates and flags."""
    boxes: dict[tuple[str, str], list[tuple[bytes, int, str]]] = {}
    for each in firm.mail(datetime.datetime.now(datetime.UTC)):
        box = boxes.setdefault((each.owner.address, each.mailbox), [])
        signer = signers.get(from_domain(each.octets))
        octets = each.octets if signer is None else signer.sign(each.octets)
        box.append((octets, int(each.at.timestamp()), "S" if each.seen else ""))
    for (address, mailbox), messages in boxes.items():
        dovecot.fill(address, mailbox, messages)


def _write_config(folder: Folder, place: Place, dovecot: Dovecot, mailer_port: int, names: NameServer) -> None:
    roots = folder.path / "provider-ca.pem"
    mailer_ca = folder.path / "provider" / "smtp" / "tls" / "ca.pem"
    roots.write_bytes(Path(dovecot.ca_file).read_bytes() + mailer_ca.read_bytes())
    folder.config.write_text(
        f"""data_dir = "data"

[imap]
listen = ["127.0.0.1:{place.imap_port}"]
[submission]
listen = ["127.0.0.1:{place.smtp_port}"]
[web]
listen = "127.0.0.1:{place.web_port}"
public_url = "https://localhost:{place.web_port}"
[dns]
servers = ["{names.listen}"]

[[upstream]]
name = "demo"
domains = ["{DOMAIN}"]
imap = "imaps://localhost:{dovecot.imaps_port}"
submission = "smtps://localhost:{mailer_port}"
ca_file = "{roots.name}"
"""
    )
    sample = voucher(
        title="Angebot", number="2026-0815", day=datetime.datetime.now(tz=ZONE).date(), sender="Brandt & Söhne",
        receiver="Muster AG", items=[Item(text="Formstempel", count=12, price_cents=3840)],
    )  # fmt: skip
    (folder.path / "Angebot.pdf").write_bytes(sample)
    for employee in EMPLOYEES.values():
        place.write_mbsyncrc(employee)


def _command(folder: Folder, *words: str) -> list[str]:
    return [sys.executable, "-m", "postbuch.cli.main", *words, "--config", str(folder.config)]


def _initialise(folder: Folder) -> None:
    secret = folder.path / "admin-password"
    secret.write_text(ADMIN_PASSWORD + "\n")
    words = _command(folder, "init", "--admin-email", ADMIN, "--admin-password-file", str(secret), "--json")
    if subprocess.run(words, stdout=subprocess.DEVNULL).returncode != 0:
        raise SystemExit("demo: `postbuch init` did not work; it said why above")


@contextlib.contextmanager
def _postbuch(folder: Folder) -> Iterator[subprocess.Popen[str]]:
    """`postbuch up`, ready; ended with SIGTERM. Tied to us, so that it cannot outlive the demo."""
    tether = [sys.executable, "-m", "postbuch.cli.tether", str(os.getpid())]
    log = (folder.path / "postbuch.log").open("a")
    with log, subprocess.Popen(
        tether + _command(folder, "up"), stdout=subprocess.PIPE, stderr=log, text=True
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if line.strip() != "postbuch: ready":
                raise SystemExit(f"demo: Postbuch did not start; {log.name} says why")
            yield process
        finally:
            _say("ending Postbuch")
            process.terminate()
            try:
                process.wait(END_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _fetch_all(place: Place, address: str, password: str) -> None:
    """What a mail program does when it is set up: fetch everything. So the archive is filled."""
    with imaplib.IMAP4_SSL("localhost", place.imap_port, ssl_context=client_context(place.ca_file)) as client:
        client.login(address, password)
        _, lines = client.list()
        for line in lines:
            assert isinstance(line, bytes)
            mailbox = line.rpartition(b' "/" ')[2] or line.rpartition(b" ")[2]
            _, count = client.select(mailbox.decode("ascii"), readonly=True)
            if int(count[0] or 0):
                client.fetch("1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")
            client.close()


def _wait_until_archived(folder: Folder) -> None:
    """Wait until the spool is drained, so that the first look at the list shows all."""
    deadline = time.monotonic() + ARCHIVE_PATIENCE_S
    while time.monotonic() < deadline:
        done = subprocess.run(_command(folder, "status", "--json"), capture_output=True, text=True)
        if done.returncode in (0, 1):
            status = json.loads(done.stdout)
            waiting = status["spool"]
            if (waiting["waiting_messages"] if isinstance(waiting, dict) else waiting) == 0:
                return
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
