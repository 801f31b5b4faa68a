"""What evidence costs: a full check, a proof out of a million leaves, and the ledger beside ingest.

    python benchmarks/verify.py [--only check,proof,ingest] [--leaves 1000000] [--messages 2000] [--copies 4]
                                [--rounds 3] [--json FILE]

    check    a full check of an archive of company-like mail (some 110 KB on average, half of the attachments repeated)
             and of small mail (the corpus), each small and four times as large: octets of messages that came back and
             were digested, per second of the clock and per second of processor time of the check and of `mariadbd`
             together; the most memory that the checking process ever had
    proof    `proof.write`, the ZIP included, of messages at random places among that many leaves
    ingest   the corpus from the spool until it is committed and found, with the ledger and without, in pairs whose
             order changes, and the processor time of everything for each message, the set-up of the database included
             on both sides. Without means: in that process no statement is entered, and nothing is sealed or signed.
             There is no such switch in the program; the benchmark replaces the two functions in the child it starts
"""

import argparse
import base64
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from ingest import PROCESS, messages, run_postbuch
from measure import some_of
from sqlalchemy import Engine, select

from postbuch.archive import audit, checkpoints, letters, proof
from postbuch.archive.bulk import insert_rows
from postbuch.archive.config import Config
from postbuch.archive.ledgertree import tree_size
from postbuch.archive.schema import audit_event, image
from postbuch.archive.sealer import Sealer
from postbuch.archive.server import PrivateServer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from provider.archive import fresh_archive, ingester, message_record
from provider.corpus import corpus_files

PARTS = ("check", "proof", "ingest")
SCRIPTS = sys.path[0]
MIB = 1_048_576
BATCH = 200
# The larger archive of each pair, in parts of the smaller: what grows with the archive shows.
TIMES = 4
PROVED = 50
CHECK = """
import json, re, sys, time
from pathlib import Path
from postbuch.archive import database
from postbuch.archive.database import Role
from postbuch.archive.verification import Verification
from provider.archive import config_in
config = config_in(Path(sys.argv[1]))
engine = database.engine(config, Role.INGEST)
start, used = time.perf_counter(), time.process_time()
report = Verification(config, engine).run(full=True, restart=True)
print(json.dumps({
    "ok": report.as_json()["ok"], "octets": report.checked["octets"], "leaves": report.checked["leaves"],
    "images": report.checked["image"], "seconds": time.perf_counter() - start,
    "processor_s": time.process_time() - used,
    # Not ru_maxrss, in which that of the process before exec stands.
    "memory": 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]),
}))
"""
WITHOUT = """
from postbuch.archive import bulk, keeping
bulk._enter = lambda *words, **more: None
for name in ("_seal", "_checkpoint", "_verify"):
    setattr(keeping.Keeper, name, lambda self: "")
"""


def company_mail(count: int) -> Iterator[bytes]:
    """Letters with text alone, and with files of 20 KB to 1 MB, of which half were sent before."""
    order = random.Random(3)
    known: list[bytes] = []
    for number in range(count):
        words = " ".join(order.choice(("Rechnung", "Angebot", "Montag", "Lieferung", "danke", "bitte", "Gruß"))
                         for _ in range(order.randrange(60, 600)))  # fmt: skip
        head = (
            f"From: p{number % 40}@kunde{number % 90}.example\r\n"
            f"To: anna@firma.example, b{number % 9}@firma.example\r\n"
            f"Subject: Vorgang {number} {words[:40]}\r\nMessage-ID: <v{number}@kunde.example>\r\n"
            f"Date: Mon, 23 Nov 2026 10:{number % 60:02}:00 +0100\r\nMIME-Version: 1.0\r\n"
        )
        text = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{words}\r\n"
        if order.random() < 0.5:
            yield (head + text).encode()
            continue
        if known and order.random() < 0.5:
            payload = order.choice(known)
        else:
            payload = order.randbytes(min(int(order.lognormvariate(11.6, 1.0)) + 20_000, MIB))
            known = [*known[-200:], payload]
        lines = base64.encodebytes(payload).replace(b"\n", b"\r\n")
        yield (
            f"{head}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{text}--b\r\n"
            "Content-Type: application/pdf\r\n"
            f"Content-Disposition: attachment; filename=\"v{number}.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        ).encode() + lines + b"--b--\r\n"


def small_mail(count: int) -> Iterator[bytes]:
    """The corpus, over and over, each made unique."""
    files = [path.read_bytes() for path in corpus_files()]
    for number in range(count):
        yield b"X-Number: %d\r\n" % number + files[number % len(files)]


def fill(config: Config, engine: Engine, mail: Iterator[bytes]) -> None:
    """Ingest in batches, and seal."""
    with ingester(config, engine) as work:
        batch = []
        for uid, octets in enumerate(mail, 1):
            batch.append(message_record(octets, uid=uid))
            if len(batch) == BATCH:
                work.ingest(batch)
                batch = []
        work.ingest(batch)
    Sealer(engine).seal(window=None)
    checkpoints.make(config, engine)


def server_process(config: Config) -> psutil.Process:
    return psutil.Process(int(PrivateServer(config).pid_file.read_text()))


def check(count: int, rounds: int) -> list[dict[str, Any]]:
    """One row for each archive."""
    rows = []
    for kind, make in (("company-like", company_mail), ("small", small_mail)):
        for size in (count, count * TIMES):
            folder = Path(tempfile.mkdtemp(prefix="postbuch-check-"))
            try:
                with fresh_archive(folder) as (config, engine):
                    fill(config, engine, make(size))
                    rows.append({"kind": kind, **_checked(config, folder, rounds)})
                    print(_line(rows[-1]), flush=True)
            finally:
                shutil.rmtree(folder)
    return rows


def _checked(config: Config, folder: Path, rounds: int) -> dict[str, Any]:
    server = server_process(config)
    found: list[dict[str, Any]] = []
    for _ in range(rounds):
        before = sum(server.cpu_times()[:2])
        done = subprocess.run(
            [sys.executable, "-c", CHECK, str(folder)], env={**os.environ, "PYTHONPATH": SCRIPTS}, check=True,
            capture_output=True, text=True,
        )
        one = json.loads(done.stdout)
        if not one["ok"]:
            raise RuntimeError("the check found something")
        found.append(one | {"server_s": sum(server.cpu_times()[:2]) - before})
    middle = {
        name: statistics.median(one[name] for one in found) for name in ("seconds", "processor_s", "server_s", "memory")
    }
    one = found[0]
    both = middle["processor_s"] + middle["server_s"]
    return middle | {
        "images": one["images"], "leaves": one["leaves"], "octets": one["octets"], "rounds": rounds,
        "mb_per_s": one["octets"] / middle["seconds"] / 1e6, "mb_per_core_s": one["octets"] / both / 1e6,
        "leaves_per_s": one["leaves"] / middle["seconds"],
    }


def _line(row: dict[str, Any]) -> str:
    return (
        f"| {row['kind']} | {row['images']:,} | {row['octets'] / row['images'] / 1000:.1f} | {row['leaves']:,} "
        f"| {row['seconds']:.1f} | {row['mb_per_s']:.0f} | {row['mb_per_core_s']:.0f} | {row['leaves_per_s']:,.0f} "
        f"| {row['memory'] / MIB:.0f} |"
    )


def views(engine: Engine, count: int) -> None:
    """So many entries of the record, in one statement."""
    rows = [
        {"at": audit.now(), "actor": "anna", "origin": "cli", "action": "view", "target": f"letter {number}",
         "before_value": None, "after_value": None}
        for number in range(count)
    ]  # fmt: skip
    with engine.begin() as conn:
        insert_rows(conn, audit_event, rows)


def prove(leaves: int) -> dict[str, Any]:
    """Milliseconds of each proof, messages standing at random places of the tree."""
    folder = Path(tempfile.mkdtemp(prefix="postbuch-proof-"))
    mail = list(company_mail(4 * PROVED))
    try:
        with fresh_archive(folder) as (config, engine), ingester(config, engine) as work:
            step = leaves // len(mail)
            for number, octets in enumerate(mail):
                work.ingest([message_record(octets, uid=number + 1)])
                views(engine, step)
                Sealer(engine).seal()
            checkpoints.make(config, engine)
            with engine.connect() as conn:
                size = tree_size(conn)
                numbers = list(conn.scalars(select(image.c.id)))
            spent = []
            for number in random.Random(1).sample(numbers, PROVED):
                with engine.connect() as conn:
                    found = letters.find_image(conn, str(number))
                start = time.perf_counter()
                proof.write(config, engine, found, folder / "proof.zip")
                spent.append(1000 * (time.perf_counter() - start))
    finally:
        shutil.rmtree(folder)
    spent.sort()
    return {"leaves": size, "n": len(spent), "median_ms": statistics.median(spent), "p95_ms": spent[-3],
            "highest_ms": spent[-1]}  # fmt: skip


def ingest(copies: int, rounds: int) -> dict[str, Any]:
    """Messages a second with the ledger and without, in pairs."""
    items = messages(copies)
    programs = {"with": PROCESS, "without": WITHOUT + PROCESS}
    rates: dict[str, list[float]] = {name: [] for name in programs}
    used: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(rounds):
        names = list(programs)
        for name in names if number % 2 else names[::-1]:
            folder = Path(tempfile.mkdtemp(prefix="postbuch-ledger-"))
            try:
                before = _processor_s()
                rates[name].append(len(items) / run_postbuch(folder, items, programs[name]))
                used[name].append(1000 * (_processor_s() - before) / len(items))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            print(f"  round {number + 1}: {name:8} {rates[name][-1]:8,.0f} messages/s", flush=True)
    pairs = [mine / theirs for mine, theirs in zip(rates["with"], rates["without"], strict=True)]
    medians = {name: statistics.median(each) for name, each in rates.items()}
    return {
        "messages": len(items), "rates": rates, "ratio_of_medians": medians["with"] / medians["without"],
        "pairs": pairs, "median_of_pairs": statistics.median(pairs),
        "processor_ms": {name: statistics.median(each) for name, each in used.items()},
    }  # fmt: skip


def _processor_s() -> float:
    """What all processes have used that were started here and have ended: the archive's, its children, `mariadbd`."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=some_of(PARTS), default=PARTS, help="parts: " + ",".join(PARTS))
    parser.add_argument("--leaves", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=2000, help="of the smaller archive of each pair")
    parser.add_argument("--copies", type=int, default=4, help="how often the corpus is taken for ingest")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    if "check" in options.only:
        print("| mail | messages | KB each | leaves | s | MB/s | MB per core second | leaves/s | memory (MiB) |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
        found["check"] = check(options.messages, options.rounds)
    if "proof" in options.only:
        found["proof"] = prove(options.leaves)
        print("| leaves | n | median (ms) | 95 % below | highest |\n|--:|--:|--:|--:|--:|")
        print("| {leaves:,} | {n} | {median_ms:.1f} | {p95_ms:.1f} | {highest_ms:.1f} |".format(**found["proof"]))
    if "ingest" in options.only:
        found["ingest"] = ingest(options.copies, options.rounds)
        one = found["ingest"]
        middle = {name: statistics.median(each) for name, each in one["rates"].items()}
        pairs = ", ".join(f"{ratio:.2f}" for ratio in one["pairs"])
        print("| messages | with | without | ratio | of pairs | ms with | ms without | pairs |")
        print("|--:|--:|--:|--:|--:|--:|--:|---|")
        print(f"| {one['messages']:,} | {middle['with']:,.0f} | {middle['without']:,.0f} "
              f"| {one['ratio_of_medians']:.2f} | {one['median_of_pairs']:.2f} | {one['processor_ms']['with']:.2f} "
              f"| {one['processor_ms']['without']:.2f} | {pairs} |")  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
