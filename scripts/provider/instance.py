"""A Postbuch of its own in a folder, run as people run it: `init`, `up`, commands, and processes to look at or kill."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from postbuch.archive.config import load
from postbuch.archive.endpoint import parse_address
from provider.ports import free_port

DOMAIN = "firma.example"
ADMIN, ADMIN_PASSWORD = f"admin@{DOMAIN}", "ein langes Geheimnis"
CHILDREN = ("mariadbd", "archive", "proxy", "webmail")
START_PATIENCE_S = 120.0
# `postbuch up` promises to end within 30 s.
STOP_PATIENCE_S = 35.0


def write_config(
    folder: Path, *, imap: str, submission: str, ca_files: list[Path], max_size_octets: int = 0, name_server: str = ""
) -> Path:
    """A configuration with free ports and one upstream for firma.example; the roots in `ca_files` are trusted."""
    folder.mkdir(parents=True, exist_ok=True)
    roots = folder / "provider-ca.pem"
    roots.write_bytes(b"".join(path.read_bytes() for path in ca_files))
    limit = f"max_size_octets = {max_size_octets}\n" if max_size_octets else ""
    trust = f'ca_file = "{roots.name}"\n' if ca_files else ""
    web = free_port()
    # Without a name server of its own no test asks the world's.
    dns = f'servers = ["{name_server}"]\n' if name_server else "enabled = false\n"
    path = folder / "postbuch.toml"
    path.write_text(
        f"""data_dir = "data"
[imap]
listen = ["127.0.0.1:{free_port()}"]
[submission]
listen = ["127.0.0.1:{free_port()}"]
{limit}[web]
listen = "127.0.0.1:{web}"
public_url = "https://localhost:{web}"
[dns]
{dns}[[upstream]]
name = "provider"
domains = ["{DOMAIN}"]
imap = "{imap}"
submission = "{submission}"
{trust}"""
    )
    return path


class Postbuch:
    """One installation. `start` may be called again after `stop` or `kill`; the folder and the ports stay.

    With `spool_octets` its spool is a file system of its own of that size, which nobody outside of its processes sees
    under the usual path: `spool` is where to look.
    """

    def __init__(self, config_file: Path, *, spool_octets: int = 0) -> None:
        self.config_file = config_file.absolute()
        self.config = load(self.config_file)
        self.folder = self.config_file.parent
        self.imap_port = parse_address(self.config.imap.listen[0]).port
        self.submission_port = parse_address(self.config.submission.listen[0]).port
        self.web_port = parse_address(self.config.web.listen).port
        self.log = self.folder / "postbuch.log"
        self._spool_octets = spool_octets
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.config.data

    @property
    def spool(self) -> Path:
        """The spool folder as its processes see it."""
        return Path(f"/proc/{self.pid}/root{self.data}/spool") if self._spool_octets else self.data / "spool"

    @property
    def ca_file(self) -> Path:
        """What clients must trust."""
        return self.data / "tls" / "ca.pem"

    @property
    def pid(self) -> int:
        """The process id of `up` itself."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def initialise(self) -> None:
        """`postbuch init`."""
        secret = self.folder / "admin-password"
        secret.write_text(ADMIN_PASSWORD + "\n")
        self.command("init", "--admin-email", ADMIN, "--admin-password-file", str(secret))

    def start(self, *words: str) -> None:
        """`postbuch up` (or `run proxy` and the like), ready. Raises RuntimeError with the end of its log."""
        words = words or ("up",)
        line = f"ready {words[1]}" if words[0] == "run" else "postbuch: ready"
        # Tied to us: it ends with us whatever happens to us.
        tether = [sys.executable, "-m", "postbuch.cli.tether", str(os.getpid())]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                tether + self._with_own_spool() + self.words(*words),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        output = self._process.stdout
        assert output is not None
        ready, _, _ = select.select([output], [], [], START_PATIENCE_S)
        said = output.readline().decode() if ready else ""
        if said.strip() != line:
            self.kill()
            raise RuntimeError(f"Postbuch did not start: {said!r}\n{self.log_tail()}")

    def stop(self) -> int:
        """SIGTERM; the exit code. Harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return 0
        children = _tree(process.pid)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_PATIENCE_S)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
            _end_all(children)

    def kill(self) -> None:
        """SIGKILL to `up`; the kernel ends its children with it. Returns when all of them are gone."""
        process, self._process = self._process, None
        if process is None:
            return
        children = _tree(process.pid)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        psutil.wait_procs(children, timeout=10)
        _end_all(children)

    def __enter__(self) -> "Postbuch":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def words(self, *words: str) -> list[str]:
        """A `postbuch` command as it is called."""
        return [sys.executable, "-m", "postbuch.cli.main", *words, "--config", str(self.config_file)]

    def command(self, *words: str, timeout_s: float = 120.0) -> str:
        """Run a command; its standard output. Raises AssertionError with what it said when it fails."""
        done = subprocess.run(self.words(*words), capture_output=True, timeout=timeout_s)
        assert done.returncode in (0, 1), f"postbuch {' '.join(words)}: {done.returncode} {done.stderr.decode()}"
        return done.stdout.decode()

    def status(self) -> dict[str, Any]:
        """`postbuch status --json`."""
        found: dict[str, Any] = json.loads(self.command("status", "--json"))
        return found

    def child(self, name: str) -> psutil.Process | None:
        """One of CHILDREN, or None while it does not run."""
        return self.children().get(name)

    def children(self) -> dict[str, psutil.Process]:
        """The processes under `up` by name, leaving out their own helpers."""
        found = {}
        for process in _tree(self.pid):
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if words and words[0].endswith("mariadbd"):
                    found["mariadbd"] = process
                elif "postbuch.cli.main" in words and "run" in words and _words_of_parent(process) != words:
                    found[words[words.index("run") + 1]] = process
        return found

    def drains(self) -> list[psutil.Process]:
        """The processes that the archive process has made of itself."""
        archive = self.child("archive")
        if archive is None:
            return []
        with contextlib.suppress(psutil.Error):
            words = archive.cmdline()
            return [process for process in archive.children() if process.cmdline() == words]
        return []

    def wait_drained(self, patience_s: float = 120.0) -> None:
        """Return once the spool is empty and the archive has counted all of it. Raises AssertionError."""
        new = self.spool / "new"
        end = time.monotonic() + patience_s
        quiet = 0
        while quiet < 3:
            waiting = any(new.iterdir()) or any((self.spool / "tmp").glob("*.seg"))
            quiet = 0 if waiting else quiet + 1
            assert time.monotonic() < end, f"the spool is not drained: {self.log_tail()}"
            time.sleep(0.1)

    def _with_own_spool(self) -> list[str]:
        """A mount namespace (unshare(1)) with a small file system at the spool; no privilege is needed for it."""
        if not self._spool_octets:
            return []
        spool = self.data / "spool"
        spool.mkdir(parents=True, exist_ok=True)
        mount = f'mount -t tmpfs -o size={self._spool_octets} spool "$0" && exec "$@"'
        rights = "--mount" if os.geteuid() == 0 else "--map-root-user"
        return ["unshare", "--mount", rights, "sh", "-c", mount, str(spool)]

    def log_tail(self, octets: int = 6000) -> str:
        """The end of what its processes wrote to standard error."""
        return self.log.read_bytes()[-octets:].decode("utf-8", "replace") if self.log.exists() else ""


def _words_of_parent(process: psutil.Process) -> list[str]:
    parent = process.parent()
    return parent.cmdline() if parent is not None else []


def _tree(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _end_all(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
