"""A name server on loopback with the TXT records that it is given, by UDP and TCP, and a switch for being silent."""

import socketserver
import struct
import threading
from types import TracebackType
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from provider.ports import free_port

TTL_S = 300


class NameServer:
    """`texts`: name in lower case → its TXT records. `silent`: no question is answered; `asked`: what was asked."""

    def __init__(self) -> None:
        self.texts: dict[str, list[bytes]] = {}
        self.silent = False
        self.ttl_s = TTL_S
        self.asked: list[str] = []
        self.address = ("127.0.0.1", free_port())
        self._servers = [_Udp(self.address, self), _Tcp(self.address, self)]
        self._threads = [threading.Thread(target=each.serve_forever, args=(0.05,)) for each in self._servers]

    @property
    def listen(self) -> str:
        """As the configuration names it."""
        return f"{self.address[0]}:{self.address[1]}"

    def __enter__(self) -> "NameServer":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, wire: bytes, limit: int) -> bytes:
        """The answer to one question; empty while it is silent."""
        question = dns.message.from_wire(wire)
        name = question.question[0].name
        known = name.to_text(omit_final_dot=True).lower()
        self.asked.append(known)
        if self.silent:
            return b""
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        if known not in self.texts:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif self.texts[known]:
            answer.answer.append(dns.rrset.from_text_list(
                name, self.ttl_s, dns.rdataclass.IN, dns.rdatatype.TXT, [_quoted(text) for text in self.texts[known]]
            ))
        made: bytes = answer.to_wire(max_size=65_535)
        if len(made) > limit:
            answer.answer.clear()
            answer.flags |= dns.flags.TC
            made = answer.to_wire()
        return made


def _quoted(text: bytes) -> str:
    """A record in pieces of at most 255 octets, as zone files write it."""
    pieces = [text[start : start + 255] for start in range(0, len(text), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{octet:03}" for octet in piece) + '"' for piece in pieces)


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = False

    def __init__(self, address: tuple[str, int], owner: NameServer) -> None:
        self.owner = owner
        super().__init__(address, _UdpQuestion)


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], owner: NameServer) -> None:
        self.owner = owner
        super().__init__(address, _TcpQuestion)


class _UdpQuestion(socketserver.BaseRequestHandler):
    server: _Udp

    def handle(self) -> None:
        wire, socket = self.request
        answer = self.server.owner.answer(wire, 1232)
        if answer:
            socket.sendto(answer, self.client_address)


class _TcpQuestion(socketserver.StreamRequestHandler):
    server: _Tcp

    def handle(self) -> None:
        head: Any = self.rfile.read(2)
        if len(head) == 2:
            answer = self.server.owner.answer(self.rfile.read(struct.unpack("!H", head)[0]), 65_535)
            if answer:
                self.wfile.write(struct.pack("!H", len(answer)) + answer)
