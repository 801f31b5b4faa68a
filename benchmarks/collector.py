"""What the collector costs: idle accounts, and a mailbox fetched for the first time beside mbsync and offlineimap.

    python benchmarks/collector.py [--accounts 200] [--idle-s 60] [--copies 2] [--rounds 3] [--json FILE]

    idle       accounts that are complete and idle, in front of a real Dovecot: processor time of the archive process
               with its drains and parsers, as a share of one core
    first      the corpus, multiplied, as one INBOX: seconds until it is all here. Postbuch: from the start of the
               process until the last row is committed (octets, attachments, rows, search). mbsync and offlineimap:
               until they end, with the messages as files
    octets     what upstream sent for each octet of the messages that went to the archive
"""

import argparse
import json
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from postbuch.archive import accounts, collect_choice
from postbuch.archive.schema import sighting

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from provider.archive import fresh_archive
from provider.collector import ArchiveProcess
from provider.corpus import corpus_files
from provider.dovecot import Dovecot

PASSWORD, USER = "geheim", "anna@firma.example"
ARRIVED = 1_700_000_000
PATIENCE_S = 600.0


def wait_for(condition: Callable[[], bool]) -> float:
    """Seconds until the condition holds."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > PATIENCE_S:
            raise TimeoutError
        time.sleep(0.05)
    return time.monotonic() - start


def idle(folder: Path, count: int, idle_s: float) -> dict[str, Any]:
    """Share of one core while nothing happens."""
    names = [f"user{number}@firma.example" for number in range(count)]
    with Dovecot(folder / "idle", dict.fromkeys(names, PASSWORD)) as server:
        for name in names:
            server.fill(name, "INBOX", [(f"Subject: {name}\r\n\r\n".encode(), ARRIVED, "S")])
        with fresh_archive(folder / "idle-archive") as (_, engine):
            with engine.begin() as conn:
                users = {accounts.ensure_account(conn, name, "provider"): name for name in names}
            process = ArchiveProcess(folder / "idle-archive", server.imap_port, PASSWORD, users)
            try:
                first_s = wait_for(lambda: _idle(engine) == count)
                time.sleep(5)
                before = process.processor_s()
                time.sleep(idle_s)
                used = process.processor_s() - before
                return {
                    "accounts": count, "first_s": round(first_s, 1), "share_of_a_core": round(used / idle_s, 4),
                    "peak_mb": round(process.peak_octets / 1e6),
                }  # fmt: skip
            finally:
                process.end(signal.SIGTERM)


def _idle(engine: Engine) -> int:
    with engine.connect() as conn:
        return sum(each["state"] == "idle" for each in collect_choice.progress(conn))


def _count(engine: Engine) -> int:
    with engine.connect() as conn:
        return conn.scalar(select(func.count()).select_from(sighting)) or 0


def first_postbuch(folder: Path, port: int, count: int) -> dict[str, float]:
    """Seconds from the start of the process until all messages are committed."""
    with fresh_archive(folder) as (_, engine):
        with engine.begin() as conn:
            users = {accounts.ensure_account(conn, USER, "provider"): USER}
        start = time.monotonic()
        process = ArchiveProcess(folder, port, PASSWORD, users)
        try:
            wait_for(lambda: _count(engine) == count)
            took = time.monotonic() - start
            wait_for(lambda: _idle(engine) == 1)
            with engine.connect() as conn:
                row = collect_choice.progress(conn)[0]
            return {"s": took, "octets": row["octets_received"] / row["octets_archived"]}
        finally:
            process.end(signal.SIGTERM)


def first_mbsync(folder: Path, port: int, count: int) -> dict[str, float]:
    """Into a Maildir, with its own defaults (it syncs each file to disk)."""
    folder.mkdir()
    (folder / "rc").write_text(
        f"IMAPAccount a\nHost 127.0.0.1\nPort {port}\nUser {USER}\nPass {PASSWORD}\nSSLType None\nAuthMechs PLAIN\n\n"
        f"IMAPStore far\nAccount a\n\nMaildirStore near\nPath {folder}/mail/\nInbox {folder}/mail/INBOX\n\n"
        "Channel c\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSync Pull\nSyncState *\n"
    )
    (folder / "mail").mkdir()
    return _timed(["mbsync", "-c", str(folder / "rc"), "-q", "c"], folder / "mail", count)


def first_offlineimap(folder: Path, port: int, count: int) -> dict[str, float]:
    """Into a Maildir, with its own defaults."""
    folder.mkdir()
    (folder / "rc").write_text(
        f"[general]\naccounts = a\nmetadata = {folder}/state\nui = quiet\n[Account a]\nlocalrepository = l\n"
        f"remoterepository = r\n[Repository l]\ntype = Maildir\nlocalfolders = {folder}/mail\n[Repository r]\n"
        f"type = IMAP\nremotehost = 127.0.0.1\nremoteport = {port}\nremoteuser = {USER}\nremotepass = {PASSWORD}\n"
        "ssl = no\nstarttls = no\nauth_mechanisms = PLAIN\nreadonly = True\n"
        "folderfilter = lambda name: name == 'INBOX'\n"
    )
    return _timed(["offlineimap", "-c", str(folder / "rc"), "-o", "-u", "quiet"], folder / "mail", count)


def _timed(words: list[str], mail: Path, count: int) -> dict[str, float]:
    start = time.monotonic()
    done = subprocess.run(words, capture_output=True, timeout=PATIENCE_S, check=False)
    took = time.monotonic() - start
    found = sum(1 for path in mail.rglob("*") if path.is_file() and path.parent.name in ("cur", "new"))
    if found < count * 0.9:
        raise RuntimeError(f"{words[0]} fetched {found} of {count}: {done.stderr.decode()[-500:]}")
    # mbsync skips messages whose header has no end; the corpus has some.
    return {"s": took, "left_out": count - found}


def main() -> None:
    """Measure, print a table, write JSON when asked to."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--accounts", type=int, default=200)
    options.add_argument("--idle-s", type=float, default=60)
    options.add_argument("--copies", type=int, default=2)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="postbuch-collector-") as name:
        folder = Path(name)
        if given.accounts:
            found["idle"] = idle(folder, given.accounts, given.idle_s)
            print("idle", found["idle"], flush=True)
        if given.rounds:
            found["first"] = _first(folder, given.copies, given.rounds)
            for key, value in found["first"].items():
                print(key, value, flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


def _first(folder: Path, copies: int, rounds: int) -> dict[str, Any]:
    routes = {"postbuch": first_postbuch, "mbsync": first_mbsync, "offlineimap": first_offlineimap}
    samples: dict[str, list[dict[str, float]]] = {route: [] for route in routes}
    octets = [
        b"X-Copy: %d\r\n" % copy + path.read_bytes() for copy in range(copies) for path in sorted(corpus_files())
    ]  # fmt: skip
    with Dovecot(folder / "first", {USER: PASSWORD}) as server:
        server.fill(USER, "INBOX", ((each, ARRIVED + number, "S") for number, each in enumerate(octets)))
        for number in range(rounds):
            for route in random.sample(sorted(routes), len(routes)):
                if route != "postbuch" and not shutil.which(route):
                    continue
                samples[route].append(routes[route](folder / f"{route}-{number}", server.imap_port, len(octets)))
    size = sum(map(len, octets))
    return {
        "messages": len(octets), "octets": size,
        **{
            route: {
                "messages_per_s": round(len(octets) / statistics.median(each["s"] for each in got)),
                "mb_per_s": round(size / 1e6 / statistics.median(each["s"] for each in got), 1),
                **({"left_out": got[0]["left_out"]} if "left_out" in got[0] else {}),
                **({"octets_per_octet": round(got[0]["octets"], 3)} if "octets" in got[0] else {}),
                "s": [round(each["s"], 2) for each in got],
            }
            for route, got in samples.items() if got
        },
    }  # fmt: skip


if __name__ == "__main__":
    main()
