"""offlineimap3: both ways between IMAP and a Maildir."""

from mail_clients import BothSides, Side, subject

SETTINGS = """
[general]
accounts = firma
metadata = {folder}/metadata
ui = basic

[Account firma]
localrepository = here
remoterepository = there

[Repository here]
type = Maildir
localfolders = {folder}/mail

[Repository there]
type = IMAP
remotehost = localhost
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = yes
sslcacertfile = {ca_file}
"""


def session(side: Side) -> list[dict[str, str]]:
    """Fetch all; write and delete a message here, flag another one there; and once more."""
    settings = side.write("offlineimaprc", SETTINGS.format(
        port=side.imap_port, user=side.user, password=side.password, ca_file=side.ca_file, folder=side.folder
    ))  # fmt: skip
    words = ("offlineimap", "-c", str(settings), "-o", "-s")
    seen = []
    side.run(*words)
    seen.append(side.files("mail"))
    inbox = side.folder / "mail" / "INBOX"
    (gone,) = (path for path in inbox.rglob("*:2,*") if subject(path.read_bytes()) == "Reklamation 3")
    gone.unlink()
    octets = b"From: a@x.example\nSubject: hier\nMessage-ID: <hier@x.example>\n\nselbst\n"
    (inbox / "cur" / "1.new:2,S").write_bytes(octets)
    with side.talk() as server:
        server.select("INBOX")
        server.store("1", "+FLAGS", "(\\Flagged)")
    for _ in range(2):  # the second time there is nothing to do
        side.run(*words)
        seen.append(side.files("mail"))
    return seen


def test_offlineimap(both_sides: BothSides) -> None:
    """Files here, mail there: the same as without Postbuch."""
    seen, mail = both_sides.compare(session)
    assert len(seen[0]) == 6
    assert seen[1] == seen[2]
    assert [subject for _, subject, _ in mail["INBOX"].values()] == [
        "Angebot 0", "Rechnung 1", "Lieferung 2", "Urlaub 4", "hier",
    ]  # fmt: skip
    assert seen[2]["mail/INBOX Angebot 0 [F]"]
