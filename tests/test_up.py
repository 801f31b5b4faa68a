"""`postbuch up` as it is run: ready, drained, killed, and started again on the same folder."""

import contextlib
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from postbuch.certs.trust import client_context
from provider.ports import free_port

# What `up` promises for its end, and what the start may take on a busy machine.
END_S = 30.0
START_S = 90.0
CHILDREN = ("mariadbd", "archive", "proxy", "webmail")


class House:
    """An initialised folder with its ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = [free_port() for _ in range(3)]
        imap, smtp, web = self.ports
        (folder / "postbuch.toml").write_text(
            f"""data_dir = "data"
[imap]
listen = ["127.0.0.1:{imap}"]
[submission]
listen = ["127.0.0.1:{smtp}"]
[web]
listen = "127.0.0.1:{web}"
public_url = "https://localhost:{web}"
[[upstream]]
name = "provider"
domains = ["firma.example"]
imap = "imap://127.0.0.1:9"
submission = "smtp://127.0.0.1:9"
"""
        )
        (folder / "password").write_text("ein langes Geheimnis\n")
        self.command("init", "--admin-email", "admin@firma.example", "--admin-password-file", "password")

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.words(*words), cwd=self.folder, capture_output=True, text=True, check=True)

    def words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "postbuch.cli.main", *words]

    @contextlib.contextmanager
    def up(self) -> Iterator[subprocess.Popen[str]]:
        """Running and ready; killed at the end when it is still there."""
        log = (self.folder / "log").open("a")
        with log, subprocess.Popen(
            self.words("up"), cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process:  # fmt: skip
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "postbuch: ready\n", (self.folder / "log").read_text()[-3000:]
                yield process
            finally:
                process.kill()

    def accept_all(self) -> None:
        """Every listener takes a TLS connection with a certificate that our CA vouches for."""
        trust = client_context(self.folder / "data" / "tls" / "ca.pem")
        for port in self.ports:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, _wrapped(plain, trust):
                pass

    def processes(self, supervisor: subprocess.Popen[str]) -> dict[str, psutil.Process]:
        """The supervisor's own children by name.

        Not their children: one that was forked carries its parent's words, for good (drains, indexer) or until it
        becomes another program (a page's cleaner), and would be taken for it.
        """
        found = {}
        for child in psutil.Process(supervisor.pid).children():
            with contextlib.suppress(psutil.Error):
                words = child.cmdline()
                if words and words[0].endswith("mariadbd"):
                    found["mariadbd"] = child
                elif "run" in words[:5]:
                    found[words[words.index("run") + 1]] = child
        return found


def _wrapped(plain: socket.socket, trust: ssl.SSLContext) -> ssl.SSLSocket:
    return trust.wrap_socket(plain, server_hostname="localhost")


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _wait(condition: object, what: str, seconds: float = 60.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("up"))


def test_ready_means_that_all_listeners_accept(house: House) -> None:
    """IMAP, submission and web at once; SIGTERM ends it with 0 in time and leaves no process."""
    with house.up() as process:
        house.accept_all()
        trust = client_context(house.folder / "data" / "tls" / "ca.pem")
        with urllib.request.urlopen(f"https://localhost:{house.ports[2]}/login", context=trust, timeout=20) as page:
            assert page.status == 200
        children = house.processes(process)
        assert set(children) == set(CHILDREN)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_S) == 0
        assert [name for name, child in children.items() if child.is_running()] == []


def test_ctrl_c_ends_it_as_well(house: House) -> None:
    """SIGINT, also twice: an orderly end with 0."""
    with house.up() as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(END_S) == 0


def test_a_second_up_on_the_folder_is_refused(house: House) -> None:
    """One sentence that names the folder and the process, exit code 2, and the first goes on."""
    with house.up() as process:
        done = subprocess.run(house.words("up"), cwd=house.folder, capture_output=True, text=True, timeout=START_S)
        assert (done.returncode, done.stdout) == (2, "")
        assert str(process.pid) in done.stderr
        assert (house.folder / "data" / "run" / "up.lock").read_text().strip() == str(process.pid)
        assert done.stderr.count("\n") == 1
        house.accept_all()


def test_commands_work_beside_it(house: House) -> None:
    """They use the database that runs and leave it running."""
    with house.up() as process:
        before = house.processes(process)["mariadbd"].pid
        assert "admin@firma.example" in house.command("user", "list").stdout
        assert house.processes(process)["mariadbd"].pid == before


@pytest.mark.parametrize("name", CHILDREN)
def test_a_killed_child_comes_back(house: House, name: str) -> None:
    """kill -9 of one process: the others stay, it is started again, everything accepts."""
    with house.up() as process:
        before = house.processes(process)
        before[name].kill()

        def is_another() -> bool:
            child = house.processes(process).get(name)
            return child is not None and child.pid != before[name].pid

        _wait(is_another, name)

        def accepts() -> bool:
            with contextlib.suppress(OSError):
                house.accept_all()
                return "admin@firma.example" in house.command("user", "list").stdout
            return False

        _wait(accepts, f"{name} came back but not all listeners accept")
        after = house.processes(process)
        assert {other: child.pid for other, child in after.items() if other != name} == {
            other: child.pid for other, child in before.items() if other != name
        }


def test_after_a_kill_of_the_supervisor_the_next_start_works(house: House) -> None:
    """kill -9 leaves no orphan that holds a port, the database or the folder."""
    with house.up() as process:
        below = psutil.Process(process.pid).children(recursive=True)
        assert len(below) > len(CHILDREN), "drains and indexer are children of the archive"
        process.kill()
        process.wait()
        _wait(lambda: not any(_lives(child) for child in below), "orphan")
    with house.up() as process:
        house.accept_all()
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_S) == 0
