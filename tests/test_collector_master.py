"""One credential for all mailboxes: the collector as a real Dovecot's master user (proxy.md section 5)."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from collecting import Collecting, collecting, digest, letter

from postbuch.archive import credentials, seal
from postbuch.archive.collect_credentials import Finder
from postbuch.archive.config import Config
from provider.dovecot import Dovecot

MASTER, MASTER_PASSWORD = "archiv", "geheim-meister"
NAMES = ("meister-a@firma.example", "meister-b@firma.example", "meister-c@firma.example")
MASTERS = """
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {file}
  master = yes
}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    folder = tmp_path_factory.mktemp("master")
    folder.chmod(0o755)
    file = folder / "masters"
    file.write_text(f"{MASTER}:{{PLAIN}}{MASTER_PASSWORD}\n")
    file.chmod(0o644)
    extra = MASTERS.format(file=file)
    with Dovecot(folder / "dovecot", dict.fromkeys(NAMES, "kennt-niemand"), extra_configuration=extra) as made:
        yield made


@pytest.fixture
def archive(mariadb: Config, server: Dovecot, tmp_path: Path) -> Iterator[Collecting]:
    """The configuration names the master user; no account has a credential of its own."""
    (tmp_path / "password").write_text(MASTER_PASSWORD + "\n")
    upstream = mariadb.upstream[0].model_copy(
        update={"master_user": MASTER, "master_password_file": str(tmp_path / "password")}
    )
    with collecting(mariadb.model_copy(update={"upstream": [upstream]}), server.imap_port) as made:
        yield made


def collect(archive: Collecting) -> None:
    archive.collector(once=True, log_in=Finder(archive.config, archive.engine)).run(threading.Event())
    archive.drained()


def test_every_mailbox_of_every_account(archive: Collecting, server: Dovecot) -> None:
    """Each account's mail is under its own name, and nobody's password was needed."""
    for number, name in enumerate(NAMES):
        for place, mailbox in enumerate(("INBOX", "Projekte")):
            letters = [letter(100 * number + 10 * place + each) for each in (0, 1)]
            server.fill(name, mailbox, [(octets, 1_700_000_000, "S") for octets in letters])
        archive.account(name, "not used")
    collect(archive)
    assert archive.digests() == sorted(
        digest(letter(100 * number + 10 * place + each)) for number in range(3) for place in (0, 1) for each in (0, 1)
    )
    for number, name in enumerate(NAMES):
        row = archive.row(name)
        assert (row["state"], row["failure"], row["listed"], row["archived"]) == ("idle", "", 4, 4), number


def test_own_credential_comes_first(archive: Collecting, server: Dovecot) -> None:
    """A stored password that is wrong is said to be, and the master user does not cover it up."""
    name = NAMES[0]
    archive.account(name, "not used")
    sealed = seal.load(archive.config.data / "keys").seal("falsch", credentials.purpose(name))
    with archive.engine.begin() as conn:
        credentials.keep(conn, name, kind=credentials.STORED, user=name, sealed=sealed, given_by="test")
    collect(archive)
    assert "AUTHENTICATIONFAILED" in str(archive.row(name)["failure"])
    with archive.engine.begin() as conn:
        credentials.forget(conn, name)


def test_master_password_that_is_wrong(archive: Collecting, server: Dovecot, tmp_path: Path) -> None:
    """Said for each account, and not tried again and again."""
    (tmp_path / "password").write_text("falsch")
    archive.account(NAMES[1], "not used")
    collect(archive)
    assert "AUTHENTICATIONFAILED" in str(archive.row(NAMES[1])["failure"])
