"""aioimaplib: asyncio, with commands under way at the same time."""

import asyncio
import ssl
from typing import Any

from aioimaplib import aioimaplib
from mail_clients import PATIENCE_S, BothSides, Side, message
from transcript import without_time


async def talk(side: Side) -> list[Any]:
    """Read, append, wait, flag, move, delete; every line of every answer."""
    trust = ssl.create_default_context(cafile=side.ca_file)
    client = aioimaplib.IMAP4_SSL("localhost", side.imap_port, timeout=PATIENCE_S, ssl_context=trust)
    await client.wait_hello_from_server()
    heard: list[Any] = [(await client.login(side.user, side.password)).result]
    for call in (
        client.select("INBOX"), client.uid_search("ALL"), client.uid("fetch", "1:*", "(FLAGS BODY.PEEK[])"),
        client.append(message(7), "INBOX", flags="\\Seen"), client.uid("store", "1:2", "+FLAGS (\\Flagged)"),
        client.uid("move", "3", "Archive"), client.uid("store", "1", "+FLAGS (\\Deleted)"), client.expunge(),
    ):
        answer = await call
        heard.append((answer.result, [without_time(bytes(line)) for line in answer.lines]))
    idle = await client.idle_start(timeout=PATIENCE_S)
    await asyncio.to_thread(elsewhere, side)
    while not any(b"EXISTS" in line for line in await client.wait_server_push()):
        pass
    client.idle_done()
    heard.append((await asyncio.wait_for(idle, PATIENCE_S)).result)
    fetching, searching = client.uid("fetch", "2:5", "(BODY.PEEK[])"), client.uid_search("SEEN")
    for answer in await asyncio.gather(fetching, searching, client.status("Archive", "(MESSAGES)")):
        heard.append([bytes(line) for line in answer.lines[:-1]])
    heard.append((await client.logout()).result)
    client.protocol.transport.abort()  # it leaves that to the garbage collector, which then warns in some later test
    await asyncio.sleep(0.05)
    return heard


def elsewhere(side: Side) -> None:
    """A message comes while the client waits."""
    with side.talk() as server:
        server.append("INBOX", "", "", message(8))


def session(side: Side) -> list[Any]:
    return asyncio.run(talk(side))


def test_aioimaplib(both_sides: BothSides) -> None:
    """The same answers, the same mail afterwards."""
    heard, mail = both_sides.compare(session)
    assert heard[0] == heard[-1] == "OK"
    assert list(mail["INBOX"]) == [2, 4, 5, 6, 7]
    assert len(mail["Archive"]) == 2
