"""imapclient: what the collector and many scripts are built on."""

import hashlib
import ssl
from typing import Any

from imapclient import IMAPClient
from mail_clients import PATIENCE_S, BothSides, Side, message
from transcript import without_time


def session(side: Side) -> list[Any]:
    """Read, search, append, flag, copy, move, delete, wait; every answer as the library understands it."""
    trust = ssl.create_default_context(cafile=side.ca_file)
    with IMAPClient("localhost", side.imap_port, ssl_context=trust, timeout=PATIENCE_S) as client:
        client.login(side.user, side.password)
        heard: list[Any] = [client.id_({"name": "test"}) is not None, client.namespace(), sorted(client.list_folders())]
        selected = client.select_folder("INBOX")
        heard.append({key: value for key, value in selected.items() if key != b"UIDVALIDITY"})
        uids = client.search(["SUBJECT", "Rechnung"]) + client.search(["UNSEEN"])
        fetched = client.fetch(uids, ["FLAGS", "ENVELOPE", "BODYSTRUCTURE", "RFC822.SIZE", "BODY.PEEK[]"])
        heard += [uids, [(each[b"FLAGS"], each[b"ENVELOPE"], each[b"BODYSTRUCTURE"]) for each in fetched.values()]]
        heard.append({uid: hashlib.sha256(each[b"BODY[]"]).hexdigest() for uid, each in fetched.items()})
        heard += [client.sort("REVERSE DATE"), client.thread()]
        client.create_folder("Projekte/Köln & Bonn")
        client.append("Projekte/Köln & Bonn", message(7), flags=[b"\\Seen", b"$Wichtig"])
        heard += [client.add_flags([1, 2], [b"\\Flagged"]), client.remove_flags([2], [b"\\Seen"])]
        client.copy([3], "Archive")
        client.move([4], "Projekte/Köln & Bonn")
        heard.append(client.idle())
        with side.talk() as server:
            server.append("INBOX", "", "", message(8))
        heard.append(client.idle_check(timeout=PATIENCE_S) + client.idle_done()[1])
        client.delete_messages([1])
        said, gone = client.expunge()
        heard += [without_time(said), gone, client.search(), client.folder_status("Archive", ["MESSAGES", "UNSEEN"])]
        client.rename_folder("Projekte/Köln & Bonn", "Ablage")
        client.close_folder()
        client.delete_folder("Ablage")
    return heard


def test_imapclient(both_sides: BothSides) -> None:
    """The same answers, the same mail afterwards."""
    heard, mail = both_sides.compare(session)
    assert len(heard[6]) == 5
    assert list(mail["INBOX"]) == [2, 3, 5, 6]
    assert "Ablage" not in mail
