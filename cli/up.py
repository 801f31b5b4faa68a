"""`postbuch up` runs everything; `postbuch run` is one of its processes alone, for systemd units and the supervisor."""

import importlib
import logging
import sys
from enum import StrEnum
from typing import Annotated

import typer

from postbuch.archive import config as configuration
from postbuch.archive.errors import PostbuchError
from postbuch.certs import authority
from postbuch.certs.trust import client_context
from postbuch.cli import preflight
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, load

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class Process(StrEnum):
    """The processes that can be run one by one."""

    PROXY = "proxy"
    ARCHIVE = "archive"
    WEBMAIL = "webmail"
    FTPS = "ftps"

    @property
    def module(self) -> str:
        """Where its `main` is."""
        return "postbuch.webmail.ftps_process" if self is Process.FTPS else f"postbuch.{self}.process"


def start_log() -> None:
    """`event key=value` lines on standard error."""
    # No line names these, and each costs a message some microseconds (the library's HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=LOG_FORMAT)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def up(config: ConfigOption = None) -> None:
    """Run everything in the foreground until SIGTERM."""
    path = configuration.locate(config).absolute()
    loaded = load(path)
    preflight.check_initialised(loaded)
    preflight.check_writable(loaded.data)
    lock = preflight.DataLock(loaded)
    lock.take()
    preflight.check_ports(loaded)
    if loaded.signing:
        # Imported here: what signs takes a fifth of a second to import, and hardly any command needs it.
        from postbuch.proxy.signing import Keys

        Keys(loaded)
    authority.renew_if_due(loaded.data, authority.server_names(loaded))
    start_log()
    # Imported here: importing the reactor installs it, and no other command needs one.
    from twisted.internet import reactor

    from postbuch.cli.supervisor import Supervisor

    code = Supervisor(reactor, loaded, path).run()
    lock.release()
    raise typer.Exit(code)


def run(
    process: Annotated[Process, typer.Argument(help=_("Which process."))],
    config: ConfigOption = None,
) -> None:
    """Run one process until SIGTERM."""
    loaded = load(config)
    start_log()
    try:
        # Imported by name: each process needs a different, large part of the program.
        # The archive imports none of the other packages, so it is given what connections to upstream must trust.
        given = (client_context,) if process is Process.ARCHIVE else ()
        code = importlib.import_module(process.module).main(loaded, *given)
    except PostbuchError:
        raise
    except Exception:
        # Nobody sits in front of it: the log gets the whole cause, the supervisor starts it again.
        logging.getLogger("postbuch").exception("process-failed name=%s", process)
        code = 1
    raise typer.Exit(code)
