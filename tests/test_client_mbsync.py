"""mbsync (isync): both ways, with deletions on both ends."""

from pathlib import Path

from mail_clients import BothSides, Side, subject

SETTINGS = """
IMAPAccount firma
Host localhost
Port {port}
User {user}
Pass {password}
SSLType IMAPS
CertificateFile {ca_file}

IMAPStore far
Account firma

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
"""


def session(side: Side) -> list[dict[str, str]]:
    """Fetch all; then flag, delete and write a message here, delete another one there; and once more."""
    settings = side.write("mbsyncrc", SETTINGS.format(
        port=side.imap_port, user=side.user, password=side.password, ca_file=side.ca_file, folder=side.folder
    ))  # fmt: skip
    (side.folder / "mail").mkdir()
    seen = []
    side.run("mbsync", "-c", str(settings), "-a")
    seen.append(side.files("mail"))
    here = {subject(path.read_bytes()): path for path in _inbox(side)}
    _flag(here["Angebot 0"], "F")
    _flag(here["Lieferung 2"], "T")
    (side.folder / "mail/INBOX/cur/1.new:2,S").write_bytes(b"From: a@x.example\r\nSubject: hier\r\n\r\nselbst\r\n")
    with side.talk() as server:
        server.select("INBOX")
        server.store("4", "+FLAGS", "(\\Deleted)")
        server.expunge()
    for _ in range(2):  # the second time there is nothing to do
        side.run("mbsync", "-c", str(settings), "-a")
        seen.append(side.files("mail"))
    return seen


def _inbox(side: Side) -> list[Path]:
    return [path for name in ("cur", "new") for path in (side.folder / "mail/INBOX" / name).iterdir()]


def _flag(path: Path, flag: str) -> None:
    name = path.name.partition(":2,")
    flags = "".join(sorted({*name[2], flag}))
    path.rename(path.parent.parent / "cur" / f"{name[0]}:2,{flags}")


def test_mbsync(both_sides: BothSides) -> None:
    """Files here, mail there: the same as without Postbuch."""
    seen, mail = both_sides.compare(session)
    assert len(seen[0]) == 6
    assert seen[1] == seen[2]
    assert [subject for _, subject, _ in mail["INBOX"].values()] == ["Angebot 0", "Rechnung 1", "Urlaub 4", "hier"]
    assert mail["INBOX"][1][0] == ("\\Flagged",)
