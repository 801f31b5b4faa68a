"""PyPI's emailproxy (email-oauth2-proxy) with TLS on both sides: another mail proxy in Python, to compare with.

It lives in a virtual environment of its own, because it is no part of Postbuch. It cannot hand a password through: it
takes the client's, asks for a token and logs in with that, and at each log-in derives a key from the password with
1,200,000 rounds of PBKDF2 (its own constant).
"""

import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

import trustme

from provider.ports import accepts, free_port, wait_until

ENVIRONMENT = Path(__file__).resolve().parents[2] / ".venv-emailproxy"
_STOP_PATIENCE_S = 10.0

_CONFIGURATION = """\
[IMAP-{imap_port}]
local_address = 127.0.0.1
local_certificate_path = {folder}/server.pem
local_key_path = {folder}/server.key
server_address = localhost
server_port = {imap_target}

[SMTP-{smtp_port}]
local_address = 127.0.0.1
local_certificate_path = {folder}/server.pem
local_key_path = {folder}/server.key
server_address = localhost
server_port = {smtp_target}

"""
_ACCOUNT = """\
[{user}]
token_url = {token_url}
oauth2_scope = mail
oauth2_flow = password
client_id = benchmark
client_secret = benchmark
redirect_uri = http://localhost

"""


def install() -> None:
    """Put it into its own environment, once."""
    if (ENVIRONMENT / "bin" / "emailproxy").exists():
        return
    venv.create(ENVIRONMENT, with_pip=True)
    pip = [str(ENVIRONMENT / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    # setuptools: it imports pkg_resources.
    subprocess.run([*pip, "emailproxy", "setuptools<81"], check=True)


def version() -> str:
    """The installed version."""
    ask = "import importlib.metadata; print(importlib.metadata.version('emailproxy'))"
    words = [str(ENVIRONMENT / "bin" / "python"), "-c", ask]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


class EmailProxy:
    """Relays IMAP and SMTP from ports of its own to two loopback ports with TLS whose roots are in `ca_files`."""

    def __init__(
        self, folder: Path, *, imap_target: int, smtp_target: int, ca_files: list[Path], users: Mapping[str, str],
        token_url: str,
    ) -> None:
        self.folder = folder.absolute()
        self.ca_file = self.folder / "ca.pem"
        self.imap_port, self.smtp_port = free_port(), free_port()
        self._imap_target, self._smtp_target = imap_target, smtp_target
        self._ca_files = ca_files
        self._users = dict(users)
        self._token_url = token_url
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Install if need be, start, and wait until it accepts connections."""
        install()
        self.folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_pem.write_to_path(str(self.folder / "server.key"))
        for number, pem in enumerate(certificate.cert_chain_pems):
            pem.write_to_path(str(self.folder / "server.pem"), append=number > 0)
        authority.cert_pem.write_to_path(str(self.ca_file))
        roots = self.folder / "roots.pem"
        roots.write_bytes(b"".join(path.read_bytes() for path in self._ca_files))
        text = _CONFIGURATION.format(
            folder=self.folder, imap_port=self.imap_port, smtp_port=self.smtp_port, imap_target=self._imap_target,
            smtp_target=self._smtp_target,
        )  # fmt: skip
        text += "".join(_ACCOUNT.format(user=user, token_url=self._token_url) for user in self._users)
        configuration = self.folder / "emailproxy.config"
        configuration.write_text(text)
        tether = [sys.executable, "-m", "postbuch.cli.tether", str(os.getpid())]
        program = [str(ENVIRONMENT / "bin" / "emailproxy"), "--no-gui", "--config-file", str(configuration)]
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [*tether, *program, "--log-file", str(self.folder / "log")],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, "SSL_CERT_FILE": str(roots)},
            )  # fmt: skip
        wait_until(self._ready, "emailproxy")

    def stop(self) -> None:
        """End it. Harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> "EmailProxy":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError("emailproxy ended: " + (self.folder / "output").read_text())
        return accepts(self.imap_port) and accepts(self.smtp_port)
