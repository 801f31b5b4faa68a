"""Ports for servers that are started later: nobody else gets them before they are bound."""

import socket
import subprocess
import sys
from pathlib import Path

from provider.ports import FIRST_PORT, PORTS, free_port, free_ports

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
TAKE = "from provider.ports import free_port; print(*[free_port() for _ in range(50)])"


def test_processes_that_ask_at_once_get_different_ports() -> None:
    """Four processes, fifty ports each, none bound yet: no port is handed out twice."""
    command = [sys.executable, "-c", TAKE]
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=SCRIPTS) for _ in range(4)]
    found = [int(word) for each in asking for word in each.communicate()[0].split()]
    assert len(found) == len(set(found)) == 200
    assert all(FIRST_PORT <= port < FIRST_PORT + PORTS for port in found)


def test_connections_that_go_out_never_take_them() -> None:
    """The range ends before the one from which the kernel takes ports by itself."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    assert first >= FIRST_PORT + PORTS


def test_a_port_that_somebody_listens_on_is_not_given() -> None:
    """Whoever wants it gets another one, and itself when it is free again."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert free_port(port) != port
    assert free_port(port) == port


def test_ports_in_a_row_are_for_one_alone() -> None:
    """None of them is handed out afterwards, and none that somebody listens on is among them."""
    first = free_ports(5)
    assert not {free_port() for _ in range(50)} & set(range(first, first + 5))
    following = free_port() + 3
    with socket.create_server(("127.0.0.1", following)):
        row = free_ports(5)
    assert following not in range(row, row + 5)
