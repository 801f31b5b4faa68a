"""Two Dovecots with the same users, one straight and one behind Postbuch, and what may differ between them."""

import contextlib
import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

from imap_proxy import ImapProxy, config_for
from transcript import Talk, one
from transcript_base import LOGIN

from postbuch.certs.trust import client_context
from provider.dovecot import Dovecot

# Everything that Dovecot can do for one user's mail, so that all of it is there to be tried.
EXTRAS = """
mail_plugins = acl quota
mail_attribute_dict = file:%h/attributes
imap_metadata = yes
imap_urlauth_host = localhost
protocol imap {
  mail_plugins = acl quota imap_acl imap_quota imap_zlib
}
service anvil {
  # Wrong passwords without Dovecot's growing delay.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
plugin {
  acl = vfile
  quota = maildir:User quota
  quota_rule = *:storage=1G
}
"""

# proxy.md section 2, written down once more: the test must not ask the program what is right.
STRIPPED = {
    b"STARTTLS", b"LOGINDISABLED", b"COMPRESS=DEFLATE", b"LOGIN-REFERRALS", b"CATENATE", b"URLAUTH", b"URLAUTH=BINARY",
    b"URL-PARTIAL", b"NOTIFY",
}  # fmt: skip
IN_PLACE_OF_AUTH = {b"SASL-IR", b"AUTH=PLAIN", b"AUTH=LOGIN"}


class Sides:
    """A server that is spoken to straight, and one behind Postbuch."""

    def __init__(self, straight: Dovecot, upstream: Dovecot, proxy: ImapProxy) -> None:
        self.upstream = upstream
        self.proxy = proxy
        self._straight = straight
        self._trust: ssl.SSLContext = client_context(straight.ca_file)

    @property
    def straight_address(self) -> tuple[int, ssl.SSLContext]:
        """Port and trust of the server that is spoken to straight."""
        return self._straight.imaps_port, self._trust

    @property
    def proxy_address(self) -> tuple[int, ssl.SSLContext]:
        """Port and trust of Postbuch."""
        return self.proxy.port, self.proxy.trust

    def straight(self) -> Talk:
        return Talk(*self.straight_address)

    def through(self) -> Talk:
        return Talk(*self.proxy_address)

    def second(self, dovecot: Dovecot | None = None) -> Talk:
        """Another session of the same user, straight at one of the servers."""
        made = Talk((dovecot or self._straight).imap_port, None)
        made.run(one(LOGIN))
        return made

    def beside(self) -> list[Talk]:
        """A connection to each server without Postbuch, to fill it and to look."""
        return [Talk(server.imap_port, None) for server in (self._straight, self.upstream)]


@contextlib.contextmanager
def running(folder: Path, users: Mapping[str, str]) -> Iterator[Sides]:
    """Both servers with empty mailboxes, and the proxy in front of the second."""
    with contextlib.ExitStack() as stack:
        servers = []
        for name in ("straight", "upstream"):
            (folder / name).mkdir()
            servers.append(stack.enter_context(Dovecot(folder / name, users, extra_configuration=EXTRAS)))
        (folder / "proxy").mkdir()
        proxy = stack.enter_context(ImapProxy(config_for(folder / "proxy", servers[1])))
        yield Sides(servers[0], servers[1], proxy)


def rewritten(heard: bytes) -> bytes:
    """What a client of Postbuch may expect where the server named its capabilities."""

    def kept(found: re.Match[bytes]) -> bytes:
        tokens = [token for token in found.group(2).split() if token not in STRIPPED | IN_PLACE_OF_AUTH]
        return found.group(1) + b"".join(b" " + token for token in sorted(tokens))

    return re.sub(rb"(\* CAPABILITY|\[CAPABILITY)((?: [^\s\]]+)*)", kept, heard)
