"""Loopback ports for servers that are started later, and waiting for servers."""

import contextlib
import fcntl
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 60.0
# Below the range from which Linux takes a port for a connection that goes out (32768 and above, see
# net.ipv4.ip_local_port_range), so that nobody gets one by chance between the choice and the bind.
FIRST_PORT, PORTS = 20_000, 12_000
# Handed out in turn to all processes of this user: one comes again after 12,000 others. The name says whose the file
# is, because in a folder for everybody Linux lets nobody open the file of another to make it (fs.protected_regular).
COUNTER = Path(tempfile.gettempdir()) / f"postbuch-ports-{os.getuid()}"


def free_port(wanted: int | None = None) -> int:
    """The wanted loopback port, else one of our range that nobody listens on; it is not handed out again for long."""
    return wanted if wanted is not None and _is_free(wanted) else free_ports(1)


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody listens on; none of them is handed out again for long."""
    with COUNTER.open("a+") as counter:
        fcntl.flock(counter, fcntl.LOCK_EX)
        counter.seek(0)
        text = counter.read()
        # The first process of a user begins where its number leads it, so that two users seldom meet.
        last = int(text) if text.isdecimal() else os.getpid()
        for step in range(1, PORTS + 1):
            first = (last + step) % PORTS
            row = range(first, first + count)
            if row[-1] < PORTS and all(_is_free(FIRST_PORT + each) for each in row):
                counter.truncate(0)
                counter.write(str(row[-1]))
                return FIRST_PORT + first
    raise OSError(f"all of the {PORTS} ports from {FIRST_PORT} on are taken")


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        # As servers do: what was closed a moment ago can be listened on again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return True
    return False


def accepts(port: int) -> bool:
    """Whether somebody listens on the loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Return once the condition holds. Raises TimeoutError that names what did not come."""
    end = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {patience_s:.0f} s")
        time.sleep(0.02)
