"""A time stamp authority (RFC 3161) on loopback: `openssl ts -reply` behind a small HTTP server."""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

_SETTINGS = """
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[stamp]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = authority
[authority]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class Stamper:
    """Use as a context: `url`, and `ca_file` with the root certificate. `broken` makes it answer with rubbish."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.ca_file = folder / "ca.pem"
        self.broken = False
        self._settings = folder / "openssl.cnf"
        self._settings.write_text(_SETTINGS.format(folder=folder))
        (folder / "serial").write_text("01\n")
        self._lock = threading.Lock()
        self._make_certificates()

    def _make_certificates(self) -> None:
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")
        self._openssl("req", "-x509", "-config", "openssl.cnf", *key, "-keyout", "ca.key", "-out", "ca.pem",
                      "-subj", "/CN=Test stamp root", "-extensions", "ca")  # fmt: skip
        self._openssl("req", "-config", "openssl.cnf", *key[:-2], "-keyout", "tsa.key", "-out", "tsa.csr",
                      "-subj", "/CN=Test stamps")  # fmt: skip
        self._openssl("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", "30", "-extfile", "openssl.cnf", "-extensions", "stamp", "-out", "tsa.pem")  # fmt: skip

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._folder, check=True, capture_output=True)

    def reply(self, query: bytes) -> bytes:
        """The answer to one request."""
        if self.broken:
            return b"rubbish"
        with self._lock:
            (self._folder / "query.tsq").write_bytes(query)
            self._openssl("ts", "-reply", "-config", "openssl.cnf", "-queryfile", "query.tsq", "-signer", "tsa.pem",
                          "-inkey", "tsa.key", "-out", "reply.tsr")  # fmt: skip
            return (self._folder / "reply.tsr").read_bytes()

    def __enter__(self) -> Self:
        stamper = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = stamper.reply(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *words: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
