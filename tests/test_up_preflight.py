"""What `up` checks before it starts anything, and what ties its children to it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from postbuch.archive.config import Config, Imap, Submission, Web
from postbuch.archive.errors import ConfigError, UsageError
from postbuch.cli import preflight


def _config(folder: Path, port: int) -> Config:
    return Config(
        data_dir=str(folder / "data"),
        imap=Imap(listen=[f"127.0.0.1:{port}"]),
        submission=Submission(listen=["127.0.0.1:0"]),
        web=Web(listen="http://127.0.0.1:0"),
    )


def test_a_port_in_use_is_named_with_its_key(tmp_path: Path) -> None:
    """One sentence with the key, the port and what to do; exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"imap\.listen.*{port}.*in use") as caught:
            preflight.check_ports(_config(tmp_path, port), patience_s=0.0)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_one_port_for_two_listeners_is_named_with_both_keys(tmp_path: Path, host: str) -> None:
    """Before the second of them fails; 0 lets the system choose one for each."""
    config = _config(tmp_path, 1143)
    preflight.check_distinct(config)
    config = config.model_copy(update={"web": Web(listen=f"{host}:1143")})
    with pytest.raises(ConfigError, match=r"'imap\.listen' and 'web\.listen' both name port 1143"):
        preflight.check_ports(config)


def test_a_port_that_is_let_go_of_in_time_is_taken(tmp_path: Path) -> None:
    """After a kill the kernel needs a moment to close the sockets of those that died."""
    taken = socket.create_server(("127.0.0.1", 0))
    config = _config(tmp_path, taken.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5)"], pass_fds=[taken.fileno()])
    taken.close()
    preflight.check_ports(config)
    process.wait()


def test_an_address_of_another_machine_is_named(tmp_path: Path) -> None:
    """192.0.2.1 (RFC 5737) belongs to nobody."""
    config = _config(tmp_path, 0).model_copy(update={"imap": Imap(listen=["192.0.2.1:993"])})
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1 is no address of this machine"):
        preflight.check_ports(config, patience_s=0.0)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file is in the way: the sentence names key and folder."""
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(ConfigError, match=r"data_dir.*data"):
        preflight.check_writable(tmp_path / "data")


def test_without_init_the_sentence_says_so(tmp_path: Path) -> None:
    """`up` on an empty folder."""
    with pytest.raises(ConfigError, match="postbuch init"):
        preflight.check_initialised(_config(tmp_path, 0))


def test_a_second_holder_of_the_folder_is_refused(tmp_path: Path) -> None:
    """One `up` a folder; the sentence names the process that is there."""
    config = _config(tmp_path, 0)
    first, second = preflight.DataLock(config), preflight.DataLock(config)
    first.take()
    with pytest.raises(UsageError, match=str(os.getpid())):
        second.take()
    first.release()
    second.take()
    second.release()


_PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "postbuch.cli.tether", str(os.getpid()), "sleep", "600"])
print(child.pid, flush=True)
child.wait()
"""


def test_a_child_dies_with_a_killed_parent() -> None:
    """kill -9 of the one who started it leaves no orphan."""
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    deadline = time.monotonic() + 20
    while Path(f"/proc/{child}/comm").read_text().strip() != "sleep":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert os.getsid(child) == child
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    while Path(f"/proc/{child}").exists() and "zombie" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


_SUPERVISE = """
import os, sys
from twisted.internet import reactor
from postbuch.cli.child import Child

child = Child(reactor, "probe", [sys.executable, "-c", sys.argv[1]], os.getpid())
child.ready.addCallback(lambda _: print("seen", flush=True))

def end():
    child.end(0.5).addCallback(lambda _: reactor.stop())

reactor.callWhenRunning(child.start)
reactor.callLater(float(sys.argv[2]), end)
reactor.run()
print("starts", child.starts, flush=True)
"""


def _supervise(program: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _SUPERVISE, program, str(seconds)], capture_output=True, text=True, timeout=60
    )


def test_a_child_that_dies_is_started_again_with_growing_pauses() -> None:
    """Starts at 0, after 0.5 s and after 1 s more: three within 3 s, not dozens."""
    done = _supervise("print('ready probe', flush=True)", 3.0)
    assert done.stdout.splitlines()[0] == "seen"
    assert done.stdout.splitlines()[-1] in ("starts 2", "starts 3")


def test_a_child_that_does_not_listen_is_killed() -> None:
    """SIGTERM ignored: SIGKILL after the patience, and the end is still orderly."""
    done = _supervise(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready probe', flush=True); "
        "time.sleep(600)",
        2.0,
    )
    assert done.stdout.splitlines() == ["seen", "starts 1"]
    assert done.returncode == 0


_NOT_STARTED = """
import os, sys
from twisted.internet import reactor
from postbuch.cli.child import Child

usual = sys.executable
sys.executable = "/nowhere"
child = Child(reactor, "probe", [usual, "-c", "print('ready probe', flush=True)"], os.getpid())
sys.executable = usual

def mend():
    child._command[0] = usual

child.ready.addCallback(lambda _: child.end(1.0).addCallback(lambda _: reactor.stop()))
reactor.callWhenRunning(child.start)
reactor.callLater(0.1, mend)
reactor.run()
"""


def test_a_child_that_cannot_be_executed_is_tried_again() -> None:
    """Its program is not there while it is being replaced: told in the log, and it goes on when it is back."""
    done = subprocess.run([sys.executable, "-c", _NOT_STARTED], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.splitlines()) == (
        0, ["child-not-started name=probe cause=[Errno 2] No such file or directory: '/nowhere'"]
    )  # fmt: skip
