"""What must be true before anything is started; each fault is one sentence that names the key or path."""

import errno
import fcntl
import os
import socket
import time
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from postbuch.archive import systemwords
from postbuch.archive.config import Config
from postbuch.archive.endpoint import EVERY_HOST, Address, parse_address
from postbuch.archive.errors import ConfigError, UsageError
from postbuch.archive.wrong import Wrong
from postbuch.certs.files import certificate_files
from postbuch.certs.trust import client_context
from postbuch.cli.language import tell
from postbuch.cli.language import translate as _

# A predecessor that was killed leaves children that the kernel ends at once; their sockets close within this time.
PORT_PATIENCE_S = 5.0
_FIRST_FREE_PORT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One place where clients connect, with the key that it comes from."""

    key: str
    address: Address


def listeners(config: Config) -> list[Listener]:
    """Every listener of the configuration."""
    keys = [("imap.listen", text) for text in config.imap.listen]
    keys += [("submission.listen", text) for text in config.submission.listen]
    keys.append(("web.listen", config.web.listen.removeprefix("http://")))
    if config.ftps.listen:
        keys.append(("ftps.listen", config.ftps.listen))
    return [Listener(key=key, address=parse_address(text)) for key, text in keys]


def check_distinct(config: Config) -> None:
    """Raises ConfigError when two listeners are to have one port."""
    for one, other in combinations(listeners(config), 2):
        hosts = {one.address.host, other.address.host}
        if one.address.port == other.address.port != 0 and (len(hosts) == 1 or hosts & EVERY_HOST.keys()):
            raise ConfigError(
                _("the keys '{one}' and '{other}' both name port {port}; choose another port for one of them").format(
                    one=one.key, other=other.key, port=one.address.port
                )
            )


def check_files(config: Config) -> None:
    """Raises ConfigError for the first file that the configuration names and that cannot be read."""
    for upstream in config.upstream:
        client_context(upstream.ca_file)
    for path in config.files:
        try:
            path.read_bytes()
        except OSError as error:
            raise ConfigError(Wrong.UNREADABLE.said(path=path, cause=systemwords.cause(error))) from None


def check_initialised(config: Config) -> None:
    """Raises ConfigError when `postbuch init` was never run here."""
    if not certificate_files(config.data).ca.exists():
        raise ConfigError(
            _("{folder}: nothing is set up here yet; run `postbuch init` first").format(folder=config.data)
        )


def check_writable(folder: Path) -> None:
    """Raises ConfigError when the folder cannot be made or written by us."""
    probe = folder / f".write-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            _(
                "the key 'data_dir': the folder {folder} cannot be written: {cause}; "
                "give it to the user that runs Postbuch, or name another folder"
            ).format(folder=folder, cause=tell(systemwords.cause(error)))
        ) from None


def port_fault(listener: Listener) -> str | None:
    """Why nothing can listen there, in one sentence; None when it is free."""
    address = listener.address
    try:
        places = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        return _sentence(listener, _("{host} is no address of this machine: {cause}"), error)
    for family, kind, protocol, _canonical, place in places:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(place)
                probe.listen(1)
            except OSError as error:
                return _port_sentence(listener, error)
    return None


def _port_sentence(listener: Listener, error: OSError) -> str:
    port = listener.address.port
    if error.errno == errno.EADDRINUSE:
        text = _("port {port} is in use by another program; end that program or choose another port")
    elif error.errno == errno.EACCES and port < _FIRST_FREE_PORT:
        text = _(
            "port {port} may be used by root only; start as root, give the right to bind low ports "
            "(CAP_NET_BIND_SERVICE), or choose another port"
        )
    elif error.errno == errno.EADDRNOTAVAIL:
        text = _("{host} is no address of this machine; 0.0.0.0 stands for all of them")
    else:
        text = _("{host}:{port} cannot be used: {cause}")
    return _sentence(listener, text, error)


def _sentence(listener: Listener, text: str, error: OSError) -> str:
    said = text.format(host=listener.address.host, port=listener.address.port, cause=tell(systemwords.cause(error)))
    return _("the key '{key}': {fault}").format(key=listener.key, fault=said)


def check_ports(config: Config, patience_s: float = PORT_PATIENCE_S) -> None:
    """Raises ConfigError for the first listener whose port stays taken. Blocks for at most `patience_s`."""
    check_distinct(config)
    deadline = time.monotonic() + patience_s
    for listener in listeners(config):
        while (fault := port_fault(listener)) is not None:
            if time.monotonic() >= deadline:
                raise ConfigError(fault)
            time.sleep(0.1)


class DataLock:
    """Held by the one `postbuch up` of a data folder. The kernel lets go of it when the process ends, however."""

    def __init__(self, config: Config) -> None:
        self._path = config.data / "run" / "up.lock"
        self._handle: int | None = None

    def take(self) -> None:
        """Raises UsageError when another `up` holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if not _locked(handle):
            other = os.read(handle, 20).decode("ascii", "replace").strip() or "?"
            os.close(handle)
            raise UsageError(
                _(
                    "Postbuch is running on {folder} already (process {process}); end it first, or use another data_dir"
                ).format(folder=self._path.parent.parent, process=other)
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def release(self) -> None:
        """Let the next one in."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _locked(handle: int) -> bool:
    """Take the lock. Commands look at it for a moment, so one refusal is no refusal yet."""
    for _attempt in range(5):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False
