"""The ways from a mail program to the provider that are compared: straight, Postbuch, nginx, emailproxy."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from postbuch.certs import authority
from provider import emailproxy, nginx
from provider.blackhole import Blackhole
from provider.dovecot import Dovecot
from provider.emailproxy import EmailProxy
from provider.instance import DOMAIN, Postbuch, write_config
from provider.nginx import Nginx
from provider.oauth import TokenServer, dovecot_configuration

USER, PASSWORD = f"anna@{DOMAIN}", "geheim"
NAMES = ("straight", "postbuch", "nginx", "emailproxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where to connect with implicit TLS. `pid` is that of what stands between; `settle` tidies up after a row."""

    name: str
    imap_port: int
    smtp_port: int
    ca_file: Path
    smtp_ca_file: Path
    pid: int | None
    settle: Callable[[], None]
    slow_login: bool = False

    def processes(self) -> list[psutil.Process]:
        """What stands between client and server; empty for the straight way."""
        if self.pid is None:
            return []
        process = psutil.Process(self.pid)
        return [process, *process.children(recursive=True)]

    def processor_s(self) -> float:
        """Processor time that they have used."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes())

    def resident_octets(self) -> int:
        """Their memory: the sum of what each has for itself (pages shared with others count once, in parts)."""
        return sum(process.memory_full_info().pss for process in self.processes())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the routes lead to, and the routes."""

    dovecot: Dovecot
    routes: dict[str, Route]


@contextlib.contextmanager
def ground(folder: Path, names: Sequence[str], *, whole: bool = False) -> Iterator[Ground]:
    """Start Dovecot, the submission server and the routes; `whole`: `postbuch up`, else its proxy process alone."""
    with contextlib.ExitStack() as stack:
        provider = folder / "dovecot"
        provider.mkdir(parents=True)
        dovecot = stack.enter_context(
            Dovecot(provider, {USER: PASSWORD}, extra_configuration=dovecot_configuration(provider))
        )
        hole = stack.enter_context(Blackhole(folder / "blackhole"))
        routes = {
            "straight": Route(
                name="straight", imap_port=dovecot.imaps_port, smtp_port=hole.port, ca_file=dovecot.ca_file,
                smtp_ca_file=hole.ca_file, pid=None, settle=_nothing,
            )
        }  # fmt: skip
        if "postbuch" in names:
            routes["postbuch"] = _postbuch(stack, folder / "postbuch", dovecot, hole, whole)
        if "nginx" in names:
            targets = {"imap": (dovecot.imaps_port, dovecot.ca_file), "smtp": (hole.port, hole.ca_file)}
            relay = stack.enter_context(Nginx(folder / "nginx", targets))
            routes["nginx"] = Route(
                name="nginx", imap_port=relay.ports["imap"], smtp_port=relay.ports["smtp"], ca_file=relay.ca_file,
                smtp_ca_file=relay.ca_file, pid=relay.pid, settle=_nothing,
            )  # fmt: skip
        if "emailproxy" in names:
            tokens = stack.enter_context(TokenServer())
            other = stack.enter_context(EmailProxy(
                folder / "emailproxy", imap_target=dovecot.imaps_port, smtp_target=hole.port,
                ca_files=[dovecot.ca_file, hole.ca_file], users={USER: PASSWORD}, token_url=tokens.url,
            ))  # fmt: skip
            routes["emailproxy"] = Route(
                name="emailproxy", imap_port=other.imap_port, smtp_port=other.smtp_port, ca_file=other.ca_file,
                smtp_ca_file=other.ca_file, pid=other.pid, settle=_nothing, slow_login=True,
            )  # fmt: skip
        yield Ground(dovecot=dovecot, routes=routes)


def versions(names: Sequence[str]) -> dict[str, str]:
    """Of what is compared."""
    found = {"Dovecot": _first_word("dovecot", "--version"), "OpenSSL": _openssl()}
    if "nginx" in names:
        found["nginx"] = nginx.version().removeprefix("nginx/")
    if "emailproxy" in names:
        emailproxy.install()
        found["emailproxy"] = emailproxy.version()
    return found


def _postbuch(stack: contextlib.ExitStack, folder: Path, dovecot: Dovecot, hole: Blackhole, whole: bool) -> Route:
    instance = Postbuch(write_config(
        folder, imap=f"imaps://localhost:{dovecot.imaps_port}", submission=f"smtps://localhost:{hole.port}",
        ca_files=[dovecot.ca_file, hole.ca_file], max_size_octets=200 * 1024 * 1024,
    ))  # fmt: skip
    if whole:
        instance.initialise()
        stack.callback(instance.stop)
        instance.start()
        proxy = instance.child("proxy")
        assert proxy is not None
        pid = proxy.pid

        def settle() -> None:
            instance.wait_drained()
    else:
        authority.initialise(instance.data, authority.server_names(instance.config))
        stack.callback(instance.stop)
        instance.start("run", "proxy")
        pid = instance.pid

        def settle() -> None:
            """Nobody drains the spool: its files go, so that the disk does not fill up."""
            for path in (instance.data / "spool" / "new").iterdir():
                path.unlink()

    return Route(
        name="postbuch", imap_port=instance.imap_port, smtp_port=instance.submission_port, ca_file=instance.ca_file,
        smtp_ca_file=instance.ca_file, pid=pid, settle=settle,
    )


def _nothing() -> None:
    """This way leaves nothing behind."""


def _first_word(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[0]


def _openssl() -> str:
    import ssl

    return ssl.OPENSSL_VERSION.split()[1]
