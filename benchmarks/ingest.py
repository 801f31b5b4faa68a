"""How many messages a second come from the spool into the archive, committed and found, beside mu and notmuch.

    python benchmarks/ingest.py [--copies 4] [--rounds 3] [--json FILE]

The corpus is multiplied: each copy gets a header line and a Message-ID of its own, so that every one is a new image.
In each round, in shuffled order, on the same messages and the same disk:

    postbuch   spool files as the proxy writes them → archive process as it runs → last message found by SQL search;
               the process is a service and runs already when the files come
    mu         `mu index` on the messages as a Maildir, into a fresh store
    notmuch    `notmuch new` on the same

mu and notmuch keep an index only; Postbuch keeps octets, attachments as files and rows, each batch synced to disk.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from sqlalchemy import Engine, create_engine, func, select

from postbuch.archive import setup, spool
from postbuch.archive.schema import body_text, header_summary, image, sighting

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from provider.archive import config_in, message_facts
from provider.corpus import corpus_files

MESSAGE_ID = re.compile(rb"^message-id:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)
MARK = "postbuchbenchmarklast"
PROCESS = """
import sys
from pathlib import Path
from postbuch.archive import process
from postbuch.certs.trust import client_context
from provider.archive import config_in
sys.exit(process.main(config_in(Path(sys.argv[1])), client_context))
"""
# The writer groups what queues; this many wait at once, as with 100 busy mail programs.
IN_FLIGHT = 100
# At rest is a process that used less than this share of one processor for so long.
QUIET_S, AT_REST = 0.5, 0.1


def messages(copies: int) -> list[bytes]:
    """The corpus, each copy made unique; the last one holds a word that is searched for."""
    found = []
    for copy in range(copies):
        for number, path in enumerate(corpus_files()):
            head = b"X-Copy: %d\r\nMessage-ID: <%d.%d@benchmark.example>\r\n" % (copy, copy, number)
            found.append(head + MESSAGE_ID.sub(b"", path.read_bytes(), count=1))
    found.append(b"Subject: last\r\nMessage-ID: <last@benchmark.example>\r\n\r\n" + MARK.encode() + b"\r\n")
    return found


def fill_spool(folder: Path, items: list[bytes]) -> float:
    """Write everything through the spool, IN_FLIGHT at a time; the messages a second."""
    start = time.perf_counter()
    with spool.SpoolWriter(folder) as writer:
        waiting = []
        for number, octets in enumerate(items):
            message = writer.begin(len(octets))
            message.write(octets)
            waiting.append(message.commit(message_facts(uid=number + 1), urgent=True))
            if len(waiting) >= IN_FLIGHT:
                for future in waiting:
                    future.result()
                waiting = []
        for future in waiting:
            future.result()
    return len(items) / (time.perf_counter() - start)


def run_postbuch(folder: Path, items: list[bytes], program: str = PROCESS) -> float:
    """Seconds from a full spool to everything committed and the last message found. `program` is the archive's."""
    from postbuch.archive import database
    from postbuch.archive.database import Role

    config = config_in(folder)
    setup.initialise(config)
    with database.running(config):
        waiting = config.data / "waiting"
        print(f"    spool: {fill_spool(waiting, items):,.0f} messages/s made durable", flush=True)
        engine = create_engine(database.url(config, Role.INGEST), isolation_level="READ COMMITTED")
        scripts = str(Path(__file__).resolve().parents[1] / "scripts")
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(folder)], env={**os.environ, "PYTHONPATH": scripts},
            stdout=subprocess.PIPE, text=True,
        )
        try:
            if child.stdout is None or child.stdout.readline() != "ready archive\n":
                raise RuntimeError("the archive process does not start")
            wait_until_started(psutil.Process(child.pid))
            (config.data / "spool" / "new").mkdir(parents=True, exist_ok=True)
            start = time.perf_counter()
            for path in spool.waiting(waiting):
                path.rename(config.data / "spool" / "new" / path.name)
            # A file goes after its commit, so that asking the database before would only take time from it.
            while spool.waiting(config.data / "spool") or not done(engine, len(items)):
                if child.poll() is not None:
                    raise RuntimeError("the archive process has ended")
                time.sleep(0.05)
            spent = time.perf_counter() - start
            check(engine, items)
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait()
            engine.dispose()
    return spent


def wait_until_started(service: psutil.Process) -> None:
    """Until the process and its children are at rest: what they import is the start of a service, not its work."""
    used_s = -QUIET_S
    while (now_s := _processor_s(service)) - used_s > AT_REST * QUIET_S:
        used_s = now_s
        time.sleep(QUIET_S)


def _processor_s(service: psutil.Process) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in (service, *service.children(recursive=True)))


def done(engine: Engine, wanted: int) -> bool:
    """All sightings committed, and the last message found by its word."""
    with engine.connect() as conn:
        if (conn.scalar(select(func.count()).select_from(sighting)) or 0) < wanted:
            return False
        newest_first = select(body_text.c.image_id).order_by(body_text.c.image_id.desc()).limit(1)  # as the search does
        return conn.scalar(newest_first.where(body_text.c.text.like(f"%{MARK}%"))) is not None


def check(engine: Engine, items: list[bytes]) -> None:
    """What was measured is also right: every digest is there, each with its summary."""
    with engine.connect() as conn:
        digests = set(conn.scalars(select(image.c.sha256)))
        summaries = conn.scalar(select(func.count()).select_from(header_summary))
    if digests != {hashlib.sha256(octets).digest() for octets in items} or summaries != len(digests):
        raise RuntimeError("messages are missing")


def make_maildir(folder: Path, items: list[bytes]) -> Path:
    maildir = folder / "Maildir"
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)
    for number, octets in enumerate(items):
        (maildir / "cur" / f"{1_700_000_000 + number}.M{number}.host:2,S").write_bytes(octets)
    return maildir


def run_mu(folder: Path, items: list[bytes]) -> float:
    """Seconds of `mu index` into a fresh store."""
    maildir = make_maildir(folder, items)
    subprocess.run(["mu", "init", f"--muhome={folder / 'mu'}", f"--maildir={maildir}"], check=True, capture_output=True)
    start = time.perf_counter()
    subprocess.run(["mu", "index", f"--muhome={folder / 'mu'}", "--quiet"], check=True, capture_output=True)
    return time.perf_counter() - start


def run_notmuch(folder: Path, items: list[bytes]) -> float:
    """Seconds of `notmuch new` into a fresh database."""
    maildir = make_maildir(folder, items)
    file = folder / "notmuch-config"
    file.write_text(f"[database]\npath={maildir}\n[new]\ntags=new\n[search]\nexclude_tags=\n")
    start = time.perf_counter()
    subprocess.run(
        ["notmuch", "new", "--quiet"], check=True, env={**os.environ, "NOTMUCH_CONFIG": str(file)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


RUNS: dict[str, Callable[[Path, list[bytes]], float]] = {
    "postbuch": run_postbuch, "mu": run_mu, "notmuch": run_notmuch,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=4, help="how often the corpus is taken")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=sorted(RUNS), help="measure one alone")
    parser.add_argument("--folder", type=Path, help="where to work: the disk that is measured (default: TMPDIR)")
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    options = parser.parse_args()
    items = messages(options.copies)
    size = sum(map(len, items)) / len(items)
    print(f"{len(items):,} messages, {size / 1024:.1f} KiB on average, {os.cpu_count()} CPUs, {options.rounds} rounds")
    rates: dict[str, list[float]] = {name: [] for name in RUNS if options.only in (None, name)}
    for number in range(options.rounds):
        order = list(rates)
        random.shuffle(order)
        for name in order:
            folder = Path(tempfile.mkdtemp(prefix=f"postbuch-{name}-", dir=options.folder))
            try:
                rates[name].append(len(items) / RUNS[name](folder, items))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            print(f"  round {number + 1}: {name:9} {rates[name][-1]:8,.0f} messages/s", flush=True)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    print(f"\n{'':10} {'n':>3} {'median/s':>9} {'min':>8} {'max':>8} {'postbuch is':>12}")
    for name, found in rates.items():
        ratio = f"{medians.get('postbuch', 0) / medians[name]:.2f} x" if "postbuch" in medians else ""
        print(f"{name:10} {len(found):3} {medians[name]:9,.0f} {min(found):8,.0f} {max(found):8,.0f} {ratio:>12}")
    if options.json:
        options.json.write_text(json.dumps({"messages": len(items), "mean_octets": size, "rates": rates}, indent=1))


if __name__ == "__main__":
    main()
