"""Random submissions, straight at a server and through Postbuch: its codes, its words, its mail, and all of it kept."""

import hashlib
from collections.abc import Callable, Iterator

import pytest
from smtp_server import StrictServer
from smtp_words import Dialogues, Said
from submission_proxy import ANNA, USERS, Client, RunningProxy, make_config, plain

from postbuch.certs.trust import client_context

STEPS = 40
# Answered here (docs/proxy.md): taken or refused, as the server does it.
OWN = (
    b"250 2.0.0 done\r\n", b"503 5.5.1 ", b"354 ", b"500 5.5.1 ", b"501 5.5.4 ", b"252 2.5.2 ", b"214 2.0.0 ",
    b"502 5.5.1 ", b"250-localhost\r\n",
)  # fmt: skip
FORGOTTEN = b"Subject: vergessen\r\n\r\n."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StrictServer]:
    with StrictServer(tmp_path_factory.mktemp("strict"), USERS) as made:
        yield made


@pytest.fixture(scope="module")
def proxy(server: StrictServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    config = make_config(tmp_path_factory.mktemp("wire"), f"smtps://localhost:{server.port}", server.ca_file)
    with RunningProxy(config) as made:
        yield made


def heard(client: Client, steps: list[Said]) -> list[tuple[bytes, bytes]]:
    """What is said and what is answered; no message is sent that was not asked for."""
    client.ask(b"EHLO client.example")
    assert client.ask(b"AUTH PLAIN " + plain(ANNA, USERS[ANNA])).startswith(b"235 ")
    found = []
    asked = False
    for step in steps:
        if asked and step.replies:  # a DATA that nobody thought would be taken
            found.append((FORGOTTEN, client.ask(FORGOTTEN)))
        if step.replies or asked:
            client.send(step.octets)
            found += [(step.octets, client.reply()) for _ in range(step.replies or 1)]
            asked = step.replies == 1 and found[-1][1].startswith(b"354")
    client.ask(b"QUIT")
    return found


def same(straight: bytes, through: bytes) -> bool:
    return straight == through or (through.startswith(OWN) and straight[:1] == through[:1])


def test_random_submissions_are_the_same(
    server: StrictServer, proxy: RunningProxy, request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    """Each seed's session has the server's answers, and what the server takes is the same and in the spool."""
    seeds, found = range(request.config.getoption("--wire-seeds")), []
    taken = replies = 0
    for seed in seeds:
        steps = Dialogues(seed).steps(STEPS)
        sides = []
        for port, trust in ((server.port, client_context(server.ca_file)), (proxy.port, proxy.trust)):
            server.messages.clear()
            with Client(port, trust) as client:
                sides.append((heard(client, steps), list(server.messages)))
        (wanted, sent), (got, relayed) = sides
        found += [
            f"seed {seed}: {said!r}\n  straight {a!r}\n  through  {b!r}"
            for (said, a), (_, b) in zip(wanted, got, strict=False) if not same(a, b)
        ][:1]  # fmt: skip
        if len(wanted) != len(got) or sent != relayed:
            found.append(f"seed {seed}:\n  straight {sent!r}\n  through  {relayed!r}")
        taken, replies = taken + len(sent), replies + len(wanted)
        kept = {record.facts["sha256"] for record in proxy.messages()}
        found += [
            f"seed {seed}: not kept {octets!r}" for _, _, _, octets in relayed
            if hashlib.sha256(octets).hexdigest() not in kept
        ]  # fmt: skip
        proxy.fresh()
    record_property("counted", f"{len(seeds)} sessions, {replies} replies, {taken} messages, {len(found)} differ")
    assert not found, "\n".join(found)
    assert taken >= len(seeds)
