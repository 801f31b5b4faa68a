"""Real servers for the tests, once a worker, on free loopback ports in temporary folders; nothing may outlive them."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings
from mail_clients import BothSides, make_sides

from postbuch.archive import database
from postbuch.archive.config import Config, load
from provider.archive import new_database
from provider.dovecot import Dovecot
from provider.instance import DOMAIN, Postbuch, write_config
from provider.sink import Sink

NAMES = ("anna", "bernd", "carla", "dieter", "eva", "frank", "greta", "hans")
# One account for each mail program of test_client_*.py.
CLIENTS = ("aioimaplib", "fetchmail", "imapclient", "imapflow", "mbsync", "neomutt", "offlineimap", "thunderbird")
USERS = {f"{name}@{DOMAIN}": f"geheim-{name}" for name in (*NAMES, *CLIENTS)}
MakeConfig = Callable[..., Path]

# How long an example takes says something of the machine, and may fail no test.
settings.register_profile("postbuch", deadline=None)
settings.load_profile("postbuch")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kills", type=int, default=12,
        help="how many random kill -9 test_kill.py and test_index_kill.py do; 200 for the long run",
    )
    parser.addoption(
        "--race-s", type=float, default=20, help="how long the clients of test_race.py work; 900 for the long run"
    )
    parser.addoption(
        "--mailbox-messages", type=int, default=5000,
        help="size of the mailbox of test_collector_kill.py; 100000 for the long run",
    )
    parser.addoption(
        "--wire-seeds", type=int, default=3,
        help="how many random sessions test_wire.py and test_wire_submission.py compare; 500 for the long run",
    )
    parser.addoption(
        "--database-down-s", type=float, default=8, help="how long test_failures.py keeps the database away; or 60"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have counted, from whichever worker: their own prints are shown only when they fail."""
    told = [
        f"{report.nodeid}: {value}" for reports in terminalreporter.stats.values() for report in reports
        for name, value in getattr(report, "user_properties", ()) if name == "counted" and report.when == "call"
    ]  # fmt: skip
    if told:
        terminalreporter.section("counted")
        for line in told:
            terminalreporter.line(line)


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Every program that a test starts is ended by it; also the servers below, which end before this looks."""
    yield
    left = [process for process in psutil.Process().children(recursive=True) if not _is_harmless(process)]
    _, alive = psutil.wait_procs(left, timeout=5)
    words = [" ".join(process.cmdline()) for process in alive if process.is_running()]
    for process in alive:
        process.kill()
    assert not words, f"left behind: {words}"


def _is_harmless(process: psutil.Process) -> bool:
    """Helpers of Python's own multiprocessing live as long as the interpreter."""
    try:
        return any("multiprocessing" in word for word in process.cmdline()) or not process.cmdline()
    except psutil.Error:
        return True


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """The provider's IMAP server with the eight USERS; mailboxes grow over the session.

    Not below pytest's own folder: that is closed to other users again by each run that starts, and as root the
    mailboxes belong to another user.
    """
    with tempfile.TemporaryDirectory(prefix="postbuch-dovecot-") as name, Dovecot(Path(name), USERS) as server:
        yield server


@pytest.fixture(scope="session")
def straight_dovecot() -> Iterator[Dovecot]:
    """A second server with the same users, for what is done without Postbuch."""
    with tempfile.TemporaryDirectory(prefix="postbuch-straight-") as name, Dovecot(Path(name), USERS) as server:
        yield server


@pytest.fixture(scope="session")
def sink_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    """The provider's submission server; use `sink`, which is empty and well-behaved for each test."""
    with Sink(tmp_path_factory.mktemp("sink"), USERS) as server:
        yield server


@pytest.fixture
def sink(sink_server: Sink) -> Iterator[Sink]:
    """The submission server, empty; what a test made it do is undone."""
    sink_server.reset()
    yield sink_server
    sink_server.reset()


@pytest.fixture(scope="session")
def make_config(dovecot: Dovecot, sink_server: Sink) -> MakeConfig:
    """`make_config(folder, imap=…, submission=…)` writes a configuration; upstream is Dovecot and the sink by TLS."""

    def make(folder: Path, *, imap: str = "", submission: str = "", max_size_octets: int = 0) -> Path:
        return write_config(
            folder, imap=imap or f"imaps://localhost:{dovecot.imaps_port}",
            submission=submission or f"smtps://localhost:{sink_server.smtps_port}",
            ca_files=[dovecot.ca_file, sink_server.ca_file], max_size_octets=max_size_octets,
        )  # fmt: skip

    return make


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """A configuration whose private MariaDB runs, with all tables and no rows but those that tests put there."""
    config = load(write_config(
        tmp_path_factory.mktemp("mariadb"), imap="imap://127.0.0.1:9", submission="smtp://127.0.0.1:9", ca_files=[]
    ))  # fmt: skip
    new_database(config)
    with database.running(config):
        yield config


@pytest.fixture(scope="session")
def postbuch(tmp_path_factory: pytest.TempPathFactory, make_config: MakeConfig) -> Iterator[Postbuch]:
    """`postbuch up` in front of Dovecot and the sink, ready."""
    instance = Postbuch(make_config(tmp_path_factory.mktemp("postbuch")))
    instance.initialise()
    with instance:
        yield instance


@pytest.fixture
def both_sides(
    request: pytest.FixtureRequest, tmp_path: Path, straight_dovecot: Dovecot, dovecot: Dovecot, sink: Sink,
    postbuch: Postbuch,
) -> BothSides:
    """For `test_client_NAME.py`: the account of that name straight and through Postbuch, with the same mail in both."""
    name = request.path.stem.removeprefix("test_client_")
    return make_sides(name, tmp_path, straight_dovecot, dovecot, sink, postbuch)
