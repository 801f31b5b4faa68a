"""fetchmail: reads a mailbox once and keeps it, then again and empties it."""

import re

from mail_clients import BothSides, Side

SETTINGS = """
poll localhost service {port} protocol IMAP username "{user}" password "{password}"
    ssl sslcertck sslcertfile "{ca_file}"
    {what} mda "cat >> {folder}/{what}.mbox; echo >> {folder}/{what}.mbox" folder "INBOX","Archive"
"""
# Its own stamp, with the time.
_RECEIVED = re.compile(rb"^Received: from localhost[^\n]*\n(?:[ \t][^\n]*\n)+", re.MULTILINE)


def session(side: Side) -> list[bytes]:
    """What it delivered, each time: keeping all, flushing what it has seen and taking the rest, finding nothing."""
    delivered = []
    for what, words, good in (("keep", ["--all"], 0), ("nokeep", ["--all"], 0), ("nokeep", [], 1)):
        settings = side.write("fetchmailrc", SETTINGS.format(
            port=side.imap_port, user=side.user, password=side.password, ca_file=side.ca_file, folder=side.folder,
            what=what,
        ))  # fmt: skip
        side.run("fetchmail", "-f", str(settings), "--nosyslog", *words, good=(good,), FETCHMAILHOME=str(side.folder))
        delivered.append(_RECEIVED.sub(b"", (side.folder / f"{what}.mbox").read_bytes()))
    return delivered


def test_fetchmail(both_sides: BothSides) -> None:
    """The same messages delivered, the same left behind; before and after it deletes them."""
    delivered, mail = both_sides.compare(session)
    assert [each.count(b"\nMessage-ID: ") for each in delivered] == [6, 6, 6]
    assert mail["INBOX"] == mail["Archive"] == {}
