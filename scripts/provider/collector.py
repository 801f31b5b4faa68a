"""The archive process with its collector in front of a provider on a plain loopback port, for tests and benchmarks."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

_PROCESS = """
import json, logging, sys
from pathlib import Path
from postbuch.archive import process
from postbuch.certs.trust import client_context
from provider.archive import config_in
from provider.collector import Password
logging.basicConfig(stream=sys.stderr, level=logging.INFO)
folder, port, password, users = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
config = config_in(Path(folder))
upstream = config.upstream[0].model_copy(update={"imap": f"imap://127.0.0.1:{port}"})
log_in = lambda number: Password(user=users[str(number)], password=password) if str(number) in users else None
sys.exit(process.main(config.model_copy(update={"upstream": [upstream]}), client_context, log_in))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """A credential as the collector sees one."""

    user: str
    password: str
    authorize_as: str | None = None


class ArchiveProcess:
    """One life of it. `users` are account number → log-in name; all have the same password."""

    def __init__(self, folder: Path, port: int, password: str, users: dict[int, str]) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(folder), str(port), password, json.dumps(users)],
            stdout=subprocess.DEVNULL, env=environment,
        )  # fmt: skip

    @property
    def peak_octets(self) -> int:
        """The most memory that it had so far, without its children."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

    def processor_s(self) -> float:
        """Processor time so far, of it and of its drains and parsers."""
        whole = psutil.Process(self.process.pid)
        times = [one.cpu_times() for one in (whole, *whole.children(recursive=True))]
        return sum(each.user + each.system for each in times)

    def end(self, number: int) -> None:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        self.process.wait(60)
