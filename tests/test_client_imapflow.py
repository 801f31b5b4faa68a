"""imapflow: the IMAP library of most programs in Node."""

import json
from pathlib import Path
from typing import Any

from mail_clients import BothSides, Side

SCRIPT = Path(__file__).parent / "node" / "imapflow.mjs"


def session(side: Side) -> list[Any]:
    """Read, search, download in parts, append, flag, copy, move, wait, delete; every answer as the library has it."""
    words = (str(side.imap_port), side.user, side.password, str(side.ca_file), str(side.dovecot.imap_port))
    said: list[Any] = json.loads(side.run("node", str(SCRIPT), *words))
    return said


def test_imapflow(both_sides: BothSides) -> None:
    """The same answers, the same mail afterwards."""
    heard, mail = both_sides.compare(session)
    assert len(heard) == 22
    assert list(mail["INBOX"]) == [2, 3, 5, 6, 7]
    assert "Ablage" not in mail
