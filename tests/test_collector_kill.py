"""A large mailbox, collected by the archive process, which is killed halfway: complete, nothing fetched twice.

`--mailbox-messages 100000` is the long run.
"""

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from collecting import letter
from sqlalchemy import Engine, func, select

from postbuch.archive import accounts, collect_choice
from postbuch.archive.config import Config
from postbuch.archive.schema import image, sighting
from postbuch.archive.spool import waiting
from provider.archive import fresh_archive
from provider.collector import ArchiveProcess
from provider.dovecot import Dovecot
from provider.ports import wait_until

USER, PASSWORD = "anna@firma.example", "geheim"
MEMORY_OCTETS = 300_000_000
# The long run collects some 200 messages a second on a busy machine, and fills the mailbox first.
LIMIT_S = 3600


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tuple[Config, Engine]]:
    with fresh_archive(tmp_path) as made:
        yield made


@pytest.fixture
def messages(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--mailbox-messages"))


@pytest.mark.timeout(LIMIT_S)
def test_a_large_mailbox_survives_a_kill(
    archive: tuple[Config, Engine], tmp_path: Path, messages: int, record_property: Callable[[str, object], None]
) -> None:
    """Each message is here once, also those that were in the spool when the process died."""
    config, engine = archive
    with engine.begin() as conn:
        users = {accounts.ensure_account(conn, USER, "provider"): USER}
    patience_s = 60 + messages / 100
    with tempfile.TemporaryDirectory(prefix="postbuch-large-") as name, Dovecot(Path(name), {USER: PASSWORD}) as server:
        server.fill(USER, "INBOX", ((letter(number), 1_700_000_000 + number, "S") for number in range(messages)))
        first = ArchiveProcess(tmp_path, server.imap_port, PASSWORD, users)
        try:
            wait_until(lambda: _count(engine) > messages * 0.4, "the first half", patience_s=patience_s)
        finally:
            peak = first.peak_octets
            first.end(signal.SIGKILL)
        assert _count(engine) < messages, "it was killed too late to show anything"
        time.sleep(1.0)
        second = ArchiveProcess(tmp_path, server.imap_port, PASSWORD, users)
        try:
            wait_until(lambda: _state(engine) == ("idle", messages), "all of it", patience_s=patience_s)
            wait_until(lambda: not waiting(config.data / "spool"), "the drain", patience_s=60)
            peak = max(peak, second.peak_octets)
        finally:
            second.end(signal.SIGTERM)
    assert _count(engine) == messages, "something was fetched twice"
    with engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(image)) == messages
    record_property("counted", f"{messages} messages, peak {peak / 1e6:.0f} MB")
    assert peak < MEMORY_OCTETS, f"{peak / 1e6:.0f} MB"


def _count(engine: Engine) -> int:
    with engine.connect() as conn:
        return conn.scalar(select(func.count()).select_from(sighting)) or 0


def _state(engine: Engine) -> tuple[str, int]:
    with engine.connect() as conn:
        row = collect_choice.progress(conn)[0]
    return str(row["state"]), int(row["archived"])
