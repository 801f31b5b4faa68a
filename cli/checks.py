"""What `postbuch doctor` looks at. Each check answers with a finding and never with an exception."""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from postbuch.archive import access, database, said, systemwords
from postbuch.archive.config import Config
from postbuch.archive.endpoint import EVERY_HOST
from postbuch.archive.errors import ConfigError, PostbuchError, UsageError
from postbuch.certs.expiry import expiries
from postbuch.certs.files import certificate_files
from postbuch.cli import preflight, upstream
from postbuch.cli.language import tell
from postbuch.cli.language import translate as _

# Below this the spool may soon refuse, and the database server needs room for its own logs.
FREE_OCTETS = 1 << 30
_SERVER_PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb-upgrade")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the check-up. `sentence` says what was found, `remedy` what to do when it is not well."""

    name: str
    ok: bool
    sentence: str = ""
    remedy: str = ""

    def as_json(self) -> dict[str, object]:
        """The form of `doctor --json`."""
        return asdict(self)


def examine(config: Config, path: Path) -> Iterator[Finding]:
    """All checks, one after the other; those that ask the network come last."""
    yield Finding(name=_("configuration"), ok=True, sentence=str(path))
    yield _folder(config)
    yield _disk(config)
    yield from _programs(config)
    running = _running(config)
    yield _database(config, running=running)
    yield from _certificates(config)
    yield from _ports(config, running=running)
    yield from _providers(config)


def _folder(config: Config) -> Finding:
    try:
        preflight.check_writable(config.data)
        for name in ("spool", "objects", "attachments", "run"):
            if (config.data / name).exists():
                preflight.check_writable(config.data / name)
        preflight.check_initialised(config)
    except ConfigError as error:
        return Finding(name=_("data folder"), ok=False, sentence=str(error))
    return Finding(name=_("data folder"), ok=True, sentence=str(config.data))


def _disk(config: Config) -> Finding:
    place = next(folder for folder in (config.data, *config.data.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    sentence = _("{free} GiB free").format(free=round(free / (1 << 30), 1))
    remedy = _("free some space or move data_dir: without room no mail can be taken")
    return Finding(name=_("disk"), ok=free >= FREE_OCTETS, sentence=sentence, remedy=remedy)


def _programs(config: Config) -> Iterator[Finding]:
    if config.database.url:
        return
    search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    missing = [name for name in _SERVER_PROGRAMS if not (shutil.which(name) or shutil.which(name, path=search))]
    sentence = _("missing: {programs}").format(programs=", ".join(missing)) if missing else ""
    remedy = _("install the Debian packages mariadb-server-core and mariadb-client-core")
    yield Finding(name=_("packages"), ok=not missing, sentence=sentence, remedy=remedy)


def _running(config: Config) -> bool:
    """Whether `postbuch up` works on this folder now."""
    if not config.data.exists():
        return False
    lock = preflight.DataLock(config)
    try:
        lock.take()
    except UsageError:
        return True
    except OSError:
        return False
    lock.release()
    return False


def _database(config: Config, *, running: bool) -> Finding:
    if not (config.database.url or running):
        return Finding(name=_("database"), ok=True, sentence=_("not running; `postbuch up` starts it"))
    try:
        with database.running(config):
            rights = access.told(config)
    except PostbuchError as error:
        return Finding(name=_("database"), ok=False, sentence=tell(said.of(error)))
    if rights:
        return Finding(name=_("database"), ok=False, sentence=" ".join(map(tell, rights.values())))
    return Finding(name=_("database"), ok=True, sentence=_("answers"))


def _certificates(config: Config) -> Iterator[Finding]:
    if not certificate_files(config.data).ca.exists():
        return
    for fact in expiries(config):
        good = _("good for {days} days").format(days=fact.days_left)
        name = _("certificate {name}").format(name=fact.name)
        yield Finding(name=name, ok=not fact.sentence, sentence=tell(fact.sentence) or good)


def _ports(config: Config, *, running: bool) -> Iterator[Finding]:
    for listener in preflight.listeners(config):
        name = _("port {port} ({key})").format(port=listener.address.port, key=listener.key)
        if running:
            yield _accepts(name, listener)
        else:
            fault = preflight.port_fault(listener)
            yield Finding(name=name, ok=fault is None, sentence=fault or _("free"))


def _accepts(name: str, listener: preflight.Listener) -> Finding:
    host = EVERY_HOST.get(listener.address.host, listener.address.host)
    try:
        socket.create_connection((host, listener.address.port), timeout=upstream.TIMEOUT_S).close()
    except OSError as error:
        remedy = _("see what the log of `postbuch up` says")
        return Finding(name=name, ok=False, sentence=tell(systemwords.cause(error)), remedy=remedy)
    return Finding(name=name, ok=True, sentence=_("accepts connections"))


def _providers(config: Config) -> Iterator[Finding]:
    if not config.upstream:
        remedy = _("add an [[upstream]] to the configuration; `postbuch config example` shows one")
        yield Finding(name=_("provider"), ok=False, sentence=_("none is configured"), remedy=remedy)
    for each in config.upstream:
        for leg in upstream.look(each):
            name = _("provider {name}, {leg}").format(name=each.name, leg=leg.name)
            yield Finding(name=name, ok=not leg.sentence, sentence=leg.sentence or str(leg.endpoint))
