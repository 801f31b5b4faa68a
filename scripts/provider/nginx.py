"""Debian's nginx as a blind relay with TLS on both sides: what the benchmarks hold Postbuch against."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import trustme

from provider.ports import accepts, free_port, wait_until

_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
_STOP_PATIENCE_S = 10.0

# Debian's own settings where they are not about paths, but for room for 4,000 connections. Workers run as we do:
# they must read the key in our folder.
_HEAD = """\
{user}worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
daemon off;
load_module {module};
events {{ worker_connections 8192; }}
stream {{
  ssl_certificate {folder}/server.pem;
  ssl_certificate_key {folder}/server.key;
  ssl_protocols TLSv1.2 TLSv1.3;
  proxy_ssl on;
  proxy_ssl_protocols TLSv1.2 TLSv1.3;
  proxy_ssl_verify on;
  proxy_ssl_name localhost;
  proxy_ssl_server_name on;
"""
_SERVER = """\
  server {{
    listen 127.0.0.1:{port} ssl;
    proxy_pass 127.0.0.1:{target};
    proxy_ssl_trusted_certificate {ca_file};
  }}
"""


class Nginx:
    """Relays from a port of its own to each target: name → (loopback port with TLS, its root)."""

    def __init__(self, folder: Path, targets: Mapping[str, tuple[int, Path]]) -> None:
        self.folder = folder.absolute()
        self.ca_file = self.folder / "ca.pem"
        self.ports = {name: free_port() for name in targets}
        self._targets = dict(targets)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the master; the workers are its children."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_pem.write_to_path(str(self.folder / "server.key"))
        for number, pem in enumerate(certificate.cert_chain_pems):
            pem.write_to_path(str(self.folder / "server.pem"), append=number > 0)
        authority.cert_pem.write_to_path(str(self.ca_file))
        user = "user root;\n" if os.geteuid() == 0 else ""
        text = _HEAD.format(folder=self.folder, module=_MODULE, user=user)
        for name, (target, ca_file) in self._targets.items():
            text += _SERVER.format(port=self.ports[name], target=target, ca_file=ca_file)
        configuration = self.folder / "nginx.conf"
        configuration.write_text(text + "}\n")
        program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program is not None and _MODULE.exists(), "nginx with its stream module is not installed"
        words = [sys.executable, "-m", "postbuch.cli.tether", str(os.getpid()), program]
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [*words, "-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c", str(configuration)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        wait_until(self._ready, "nginx")

    def stop(self) -> None:
        """End it at once. Harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_PATIENCE_S)
        finally:
            process.kill()

    def __enter__(self) -> "Nginx":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError("nginx ended: " + (self.folder / "output").read_text())
        return all(accepts(port) for port in self.ports.values())


def version() -> str:
    """For example `nginx/1.22.1`."""
    done = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=True)
    return done.stderr.partition(": ")[2].strip()
