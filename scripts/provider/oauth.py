"""Log-in with a token, for clients that know nothing else: signed tokens, who gives them out, and what Dovecot needs.

emailproxy speaks to its server with XOAUTH2 only. Its token comes from `TokenServer`; Dovecot checks the signature.
"""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
import urllib.parse
from pathlib import Path

_SECRET = b"a secret of the tests and benchmarks"
_LIFETIME_S = 24 * 3600

_DOVECOT = """\
auth_mechanisms = plain login xoauth2 oauthbearer
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
"""


def token(user: str) -> str:
    """A JSON Web Token (RFC 7519) for the user, signed with HS256."""
    now = int(time.time())
    head = {"alg": "HS256", "typ": "JWT"}
    claims = {"sub": user, "email": user, "iat": now - 10, "nbf": now - 10, "exp": now + _LIFETIME_S}
    signed = b".".join(_base64(json.dumps(each).encode()) for each in (head, claims))
    return (signed + b"." + _base64(hmac.digest(_SECRET, signed, hashlib.sha256))).decode()


def dovecot_configuration(folder: Path) -> str:
    """The lines that make Dovecot accept such tokens; writes the files that they name."""
    keys = folder / "keys" / "default" / "HS256"
    keys.mkdir(parents=True, exist_ok=True)
    (keys / "default").write_bytes(base64.b64encode(_SECRET))
    (folder / "oauth2.conf").write_text(
        f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={folder}/keys/\n"
    )
    return _DOVECOT.format(folder=folder)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        form = urllib.parse.parse_qs(self.rfile.read(length).decode())
        answer = {"access_token": token(form["username"][0]), "expires_in": _LIFETIME_S, "token_type": "Bearer"}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it is asked once."""


class TokenServer:
    """The token endpoint (RFC 6749 section 4.3) in a thread of its own; believes every password."""

    def __init__(self) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, name="tokens", daemon=True)

    def __enter__(self) -> "TokenServer":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _base64(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")
