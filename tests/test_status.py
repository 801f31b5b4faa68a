"""Status: the books, what waits and what is wrong, in sentences; also while the database is down."""

import os
from pathlib import Path

import pytest
from indexed import follow
from sqlalchemy import insert

from postbuch.archive import audit, database, spoolroom
from postbuch.archive.accounts import ensure_account
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.health import HealthFile, failure, health_path
from postbuch.archive.ingest import SpoolFile
from postbuch.archive.reasons import Reason
from postbuch.archive.schema import spool_file
from postbuch.archive.spool import SpoolWriter
from postbuch.archive.status import status
from postbuch.proxy import failure as proxy_failure
from provider.archive import (
    config_in,
    event_record,
    fresh_archive,
    ingester,
    message_facts,
    message_record,
    new_database,
)

FAILURE = {
    "account": "anna@firma.example", "leg": "imap-upstream", "reason": "refused", "at": "2026-11-23T12:00:00+00:00",
    "sentence": "the provider refused the log-in of anna@firma.example; check the password", "answered": True,
}  # fmt: skip


def test_books(tmp_path: Path) -> None:
    """seen = stored + further + refused, whoever refused; a message that is nowhere is found out."""
    octets = b"Subject: x\r\n\r\ny"
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        messages = [message_record(octets), message_record(octets, mailbox="Archiv"), message_record(octets + b"z")]
        refusal = event_record(
            event="refusal", spooled=True, source="fetch", account="anna@firma.example", reason="damaged", size_octets=9
        )
        work.ingest([*messages, refusal], [SpoolFile(name="1", messages=4, events=0)])
        at_once = event_record(
            event="refusal", source="append", account="anna@firma.example", reason="too large", size_octets=9
        )
        gap = event_record(
            event="gap", account="anna@firma.example", upstream="provider", mailbox="INBOX", uidvalidity=1, uid=7,
            reason="not seen in full",
        )  # fmt: skip
        work.ingest([at_once, gap], [SpoolFile(name="2", messages=0, events=2)])
        found = status(config)
        assert found["books"] == {"seen": 5, "stored": 2, "further": 1, "refused": 2, "balanced": True}
        assert [found[key] for key in ("images", "sightings", "letters", "gaps", "refusals", "index_lag", "spool")] == [
            2, 3, 2, 1, 2, 2, 0,
        ]  # fmt: skip
        follow(config, engine)
        assert status(config)["index_lag"] == 0
        [account] = found["accounts"]
        assert (account["sightings"], account["gaps"], account["refusals"]) == (3, 1, 2)
        assert account["last_seen"] == "2026-11-23T12:00:00Z" and account["failure"] is None
        assert found["sentences"] == []
        with engine.begin() as conn:
            conn.execute(insert(spool_file).values(name="3", messages=1, events=0, drained_at=audit.now()))
        found = status(config)
        assert not found["books"]["balanced"] and "books do not balance" in found["sentences"][0]


def test_database_down(tmp_path: Path) -> None:
    """What is known without it is said; the counts are empty; nothing is started for it."""
    config = config_in(tmp_path)
    new_database(config)
    with SpoolWriter(config.data / "spool", reserve_octets=0) as writer:
        message = writer.begin()
        message.write(b"Subject: x\r\n\r\ny")
        message.commit({"kind": "message", **message_facts()}, urgent=True).result(30)
    HealthFile(health_path(config, "proxy")).write({
        "listeners": [{"name": "imap", "address": "127.0.0.1:993"}], "failures": [FAILURE],
        "spool": {"writable": False, "waiting_messages": 1, "captured": 1},
    })  # fmt: skip
    found = status(config)
    assert (found["spool"], found["spool_writable"], found["images"], found["books"]) == (1, False, None, None)
    assert found["listeners"] == [{"name": "imap", "address": "127.0.0.1:993"}]
    assert found["processes"] == {"proxy": True, "archive": False, "webmail": False}
    assert found["sentences"][0] == FAILURE["sentence"]
    assert "nothing is lost" in found["sentences"][-1] and "\n" not in found["sentences"][-1]
    assert not (config.data / "run" / "mariadb.sock").exists()


def test_a_database_that_is_down_is_told_once(tmp_path: Path) -> None:
    """Whatever waits for it: each job and the index report it as well."""
    config = config_in(tmp_path)
    new_database(config)
    silent = Reason.DATABASE_SILENT.said(words=Reason.DATABASE_NOT_AT.said(place="a", cause="b"))
    waiting = [Reason.JOB_FAILED.said(job=Reason.JOB_SEAL.said(), words=silent), Reason.INDEX_WAITS.said(words=silent)]
    HealthFile(health_path(config, "proxy")).write({
        "failures": [failure("ledger", f"job-{number}", sentence, None) for number, sentence in enumerate(waiting)],
    })  # fmt: skip
    [sentence] = status(config)["sentences"]
    assert "the database does not answer" in sentence and "nothing is lost" in sentence


def test_a_full_disk_is_told_where_no_process_can_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they said last stands in their files, that all is well: the disk itself is asked."""
    config = config_in(tmp_path)
    (config.data / "spool").mkdir(parents=True)
    room = os.statvfs(tmp_path)
    sentence = Reason.SPOOL_FULL.said(folder=config.data / "spool")
    assert sentence not in status(config)["sentences"]
    monkeypatch.setattr(spoolroom, "RESERVE_OCTETS", (room.f_bavail + 1_000_000) * room.f_frsize)
    assert sentence in status(config)["sentences"]
    refused = failure("spool", "spool_unwritable", proxy_failure.Reason.SPOOL_UNWRITABLE.said(detail=sentence), None)
    HealthFile(health_path(config, "proxy")).write({"failures": [refused]})
    assert [each for each in status(config)["sentences"] if "is full" in each] == [refused["sentence"]]


def test_before_the_first_start(tmp_path: Path) -> None:
    """An empty folder is no reason to fall over."""
    found = status(config_in(tmp_path))
    assert found["images"] is None and len(found["sentences"]) == 1


def test_a_failure_stands_at_its_account(mariadb: Config) -> None:
    """The account's line repeats its failure's sentence."""
    with database.connection(mariadb, Role.WEB) as conn:
        ensure_account(conn, "anna@firma.example", "provider")
    file = HealthFile(health_path(mariadb, "proxy"))
    file.write({"failures": [FAILURE]})
    [account] = [each for each in status(mariadb)["accounts"] if each["account"] == "anna@firma.example"]
    file.remove()
    assert account["failure"] == FAILURE["sentence"]


def test_attachments_that_wait(tmp_path: Path) -> None:
    """The archive process says how many files and older messages wait to be read; while it is silent nobody knows."""
    config = config_in(tmp_path)
    assert (status(config)["attachments_waiting"], status(config)["readings_waiting"]) == (None, None)
    HealthFile(health_path(config, "archive")).write({"attachments_waiting": 7, "readings_waiting": 9})
    assert (status(config)["attachments_waiting"], status(config)["readings_waiting"]) == (7, 9)
