"""neomutt in a terminal of its own: flags, moves, deletes, sends, and files the copy of what it sent."""

import contextlib
import os
import pty
import select
import subprocess
import time

from mail_clients import PATIENCE_S, BothSides, Side

SETTINGS = """
set imap_user = "{user}"
set imap_pass = "{password}"
set smtp_url = "smtps://{login}@localhost:{smtp_port}"
set smtp_pass = "{password}"
set from = "{user}"
set realname = "Test"
set hostname = "localhost"
set folder = "imaps://localhost:{imap_port}/"
set spoolfile = "+INBOX"
set record = "+Sent"
set trash = "+Trash"
set ssl_force_tls = yes
set ssl_starttls = no
set ssl_ca_certificates_file = "{ca_file}"
set delete = yes
set move = no
set mark_old = no
set confirmappend = no
set imap_check_subscribed = no
set mail_check = 0
set sleep_time = 0
set header_cache = ""
set wait_key = no
set quit = yes
set editor = "cat letter >"
my_hdr Cc: carla@firma.example
"""


def session(side: Side) -> None:
    """By keys, as at a desk."""
    side.write("letter", "Guten Tag,\n.\nanbei das Angebot.\n")
    settings = side.write("muttrc", SETTINGS.format(
        user=side.user, login=side.user.replace("@", "%40"), password=side.password, imap_port=side.imap_port,
        smtp_port=side.smtp_port, ca_file=side.ca_file,
    ))  # fmt: skip
    keys = (
        "<search>~s Angebot<enter><flag-message>"
        "<search>~s Rechnung<enter><toggle-new>"
        "<search>~s Lieferung<enter><save-message>+Archive<enter>"
        "<search>~s Reklamation<enter><delete-message><sync-mailbox>"
        "<mail>bernd@firma.example<enter>von neomutt<enter><send-message><quit>"
    )
    in_a_terminal(side, "neomutt", "-n", "-F", str(settings), "-e", f'push "{keys}"')


def in_a_terminal(side: Side, *words: str) -> None:
    """Run a program that wants a terminal until it ends."""
    ours, its = pty.openpty()
    environment = {**os.environ, "HOME": str(side.folder), "TERM": "vt100", "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(
        words, cwd=side.folder, env=environment, stdin=its, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)
    end, said = time.monotonic() + PATIENCE_S, b""
    try:
        while process.poll() is None:
            assert time.monotonic() < end, said[-2000:]
            if select.select([ours], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):  # it has closed its terminal
                    said += os.read(ours, 1 << 16)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert process.returncode == 0, said[-2000:]


def test_neomutt(both_sides: BothSides) -> None:
    """The same mail afterwards, the same message sent and filed."""
    _, mail = both_sides.compare(session)
    assert {flags for flags, subject, _ in mail["INBOX"].values() if subject == "Angebot 0"} == {("\\Flagged",)}
    assert [subject for _, subject, _ in mail["INBOX"].values()] == ["Angebot 0", "Rechnung 1", "Urlaub 4"]
    assert mail["INBOX"][2][0] == ()
    assert [subject for _, subject, _ in mail["Archive"].values()] == ["Angebot 5", "Lieferung 2"]
    assert [subject for _, subject, _ in mail["Trash"].values()] == ["Reklamation 3"]
    assert [subject for _, subject, _ in mail["Sent"].values()] == ["von neomutt"]
    ((_, recipients, _),) = both_sides.through.sent()
    assert recipients == ["<bernd@firma.example>", "<carla@firma.example>"]
