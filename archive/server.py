"""The private MariaDB: a server of our own in the data folder, on a Unix socket, with no network.

One job: have a server that answers. It is set up once (`prepare`), run by the supervisor as a child (`command`), or
for the time of one command (`start`, `stop`). After a `kill -9`, of it or of us, the next `prepare` ends what is
left over; InnoDB recovers by itself. What is in the database is not known here.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pymysql

from postbuch.archive import secrets
from postbuch.archive.config import Config
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.reasons import Reason

# Debian packages that hold the programs used here.
PACKAGES = ("mariadb-server-core", "mariadb-client-core")
DATABASE = "postbuch"
# Beside the socket while a server runs for commands alone and the last of them is to end it.
TEMPORARY = "mariadb.temporary"
# sockaddr_un.sun_path is 108 octets with its final NUL (unix(7)).
_SOCKET_PATH_OCTETS = 107
# InnoDB applies up to innodb_log_file_size (96 MiB) of redo after a crash: seconds on any disk, a minute on a bad one.
START_PATIENCE_S = 60.0
STOP_PATIENCE_S = 30.0
_POLL_S = 0.05
# Pages of the database that are kept in memory: 256 MiB do for 50,000 letters. With that, sorting a million letters
# took 7 to 13 s and with 6 GiB 1.3 to 3.3 s. So a large archive has twice its size (it grows until the next start),
# and at most a quarter of the memory: the index, the files and we need the rest.
LEAST_POOL_OCTETS = 256 * 2**20
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container (cgroup v2)


class PrivateServer:
    """The server of one data folder. Every method blocks; none is for an event loop."""

    def __init__(self, config: Config) -> None:
        self.folder = config.data / "mariadb"
        self.run = config.data / "run"
        self.error_log = self.run / "mariadb.log"
        self.socket = _socket_path(self.run)
        self.pid_file = self.run / "mariadb.pid"
        # Not /tmp: a server that starts removes the temporary tables of every other one that shares the folder.
        self._temporary = self.run / "mariadb-tmp"
        self._keys = config.data / "keys"
        self._version_file = self.folder / "postbuch-version"
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Set up what is missing, end a left-over predecessor, upgrade after a change of version.

        Raises ServiceMissing with one sentence.
        """
        self.run.mkdir(parents=True, exist_ok=True)
        self.socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._temporary.mkdir(exist_ok=True, mode=0o700)
        self.end_predecessor()
        (self.run / TEMPORARY).unlink(missing_ok=True)
        if not (self.folder / "mysql").is_dir():
            self._install()
        if self._version_file.read_text(encoding="utf-8") != server_version():
            self._upgrade()

    def command(self) -> list[str]:
        """How the server is run: durable, local, and quiet about what the machine's own files say."""
        words = [_program("mariadbd"), "--no-defaults"]
        if os.geteuid() == 0:
            words.append("--user=root")
        return [
            *words,
            f"--datadir={self.folder}",
            f"--socket={self.socket}",
            f"--pid-file={self.pid_file}",
            f"--log-error={self.error_log}",
            f"--tmpdir={self._temporary}",
            "--skip-networking",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_unicode_ci",
            "--default-time-zone=+00:00",
            "--innodb-flush-log-at-trx-commit=1",
            f"--innodb-buffer-pool-size={pool_octets(self.folder, memory_octets())}",
            "--innodb-log-file-size=96M",
            # Larger than the largest skeleton: max_size_octets (100 MiB) escaped by the client, at most twice.
            "--max-allowed-packet=512M",
            "--max-connections=200",
        ]

    def healthy(self) -> bool:
        """Whether the server answers a connection."""
        try:
            with socket.socket(socket.AF_UNIX) as probe:  # PyMySQL leaves its socket open when nobody listens
                probe.connect(str(self.socket))
            pymysql.connect(
                unix_socket=str(self.socket), user="root", password=secrets.read(self._keys).get("root", ""),
                connect_timeout=5,
            ).close()
        except (pymysql.MySQLError, OSError):
            return False
        return True

    def start(self) -> None:
        """Start it as a child of this process and wait until it answers. Raises ServiceMissing."""
        self._process = subprocess.Popen(  # noqa: S603 - our own words
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + START_PATIENCE_S
        while not self.healthy():
            if self._process.poll() is not None or time.monotonic() > end:
                raise ServiceMissing(Reason.DATABASE_NOT_STARTING.said(log=self.error_log))
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """End the server that `start` began, cleanly. Harmless when there is none."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def end_predecessor(self) -> None:
        """End a server of this data folder that an earlier, killed run left behind."""
        pid = self._predecessor()
        if pid is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            end = time.monotonic() + STOP_PATIENCE_S
            while time.monotonic() < end:
                if self._predecessor() is None:
                    return
                time.sleep(_POLL_S)
        raise ServiceMissing(Reason.DATABASE_NOT_ENDING.said(pid=pid))

    def _predecessor(self) -> int | None:
        """The process that works on our folder. Not by the pid file: a server that still starts has none yet."""
        ours = os.fsencode(f"--datadir={self.folder}")
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it may just have ended
                if ours in path.read_bytes().split(b"\0"):
                    return int(path.parent.name)
        return None

    def _install(self) -> None:
        """Make the server's own tables and give its root a password. A half-made folder is made again."""
        fresh = self.folder.with_name("mariadb.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        user = ["--user=root"] if os.geteuid() == 0 else []
        self._run([
            _program("mariadb-install-db"), "--no-defaults", *user, f"--datadir={fresh}", "--skip-test-db",
            "--skip-name-resolve", "--auth-root-authentication-method=normal",
        ])
        password = secrets.ensure(self._keys, "root")
        statements = f"FLUSH PRIVILEGES;\nALTER USER root@localhost IDENTIFIED BY '{password}';\n"
        self._run(
            [_program("mariadbd"), "--no-defaults", *user, f"--datadir={fresh}", "--bootstrap", "--skip-networking"],
            statements,
        )
        (fresh / self._version_file.name).write_text(server_version(), encoding="utf-8")
        fresh.replace(self.folder)

    def _upgrade(self) -> None:
        """After Debian brought another version: let the server's own program bring its tables along."""
        self.start()
        try:
            with tempfile.NamedTemporaryFile("w", suffix=".cnf", dir=self.run) as options:  # made with mode 0600
                password = secrets.read(self._keys)["root"]
                options.write(f"[client]\nuser=root\npassword={password}\nsocket={self.socket}\n")
                options.flush()
                self._run([_program("mariadb-upgrade"), f"--defaults-file={options.name}"])
        finally:
            self.stop()
        self._version_file.write_text(server_version(), encoding="utf-8")

    def _run(self, words: list[str], text: str = "") -> None:
        environment = {**os.environ, "TMPDIR": str(self._temporary)}
        done = subprocess.run(  # noqa: S603 - our own words
            words, input=text, capture_output=True, text=True, check=False, env=environment
        )
        if done.returncode != 0:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise ServiceMissing(Reason.PROGRAM_FAILED.said(program=Path(words[0]).name, words=" ".join(last) or "–"))


def server_version() -> str:
    """What `mariadbd --version` prints. Raises ServiceMissing when it is not installed."""
    words = [_program("mariadbd"), "--no-defaults", "--version"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - our own


def pool_octets(folder: Path, memory: int) -> int:
    """How much InnoDB may keep in memory: by what lies in the data folder, and the memory of the machine."""
    stored = sum(path.stat().st_size for path in folder.glob("*/*.ibd"))
    return max(LEAST_POOL_OCTETS, min(2 * stored, memory // 4))


def memory_octets() -> int:
    """The memory of the machine, or of the container that we are in."""
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # "max": no limit
        return min(whole, int(_MEMORY_LIMIT.read_text(encoding="ascii")))
    return whole


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
    if found is None:
        raise ServiceMissing(Reason.PROGRAM_MISSING.said(program=name, packages=" ".join(PACKAGES)))
    return found


def _socket_path(run: Path) -> Path:
    """`run/mariadb.sock`, or in the system's folder for temporary files where that path would be too long."""
    path = run / "mariadb.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_OCTETS:
        return path
    short = hashlib.sha256(os.fsencode(run)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"postbuch-{os.geteuid()}-{short}" / "mariadb.sock"
