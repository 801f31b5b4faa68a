"""The rows of sightings, envelopes and events. All but log-ins carry a capture and are harmless to write again."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table

from postbuch.archive import audit, credentials
from postbuch.archive.bulk import find, insert_rows
from postbuch.archive.headers import one_line
from postbuch.archive.numbers import Numbers
from postbuch.archive.preparation import Message, RecordUnfit, moment, number, text
from postbuch.archive.schema import (
    audit_event,
    gap,
    header_summary,
    letter_place,
    outcome,
    provider_identity,
    refusal,
    seen_sender,
    sighting,
    smtp_envelope,
    smtp_recipient,
)

Facts = dict[str, Any]
VERDICTS = ("accepted", "refused", "unknown")


def insert_sightings(
    conn: Connection,
    messages: Sequence[Message],
    images: dict[bytes, int],
    accounts: dict[str, int],
    mailboxes: dict[tuple[int, str], int],
) -> None:
    """One row for each time a message was seen."""
    insert_rows(conn, sighting, [
        {
            "capture": item.capture, "image_id": images[item.sha256], "account_id": accounts[item.account],
            "mailbox_id": mailbox_of(item, accounts, mailboxes), "source": item.source,
            "uidvalidity": item.uidvalidity, "uid": item.uid, "flags": item.flags,
            "internal_date": item.internal_date, "session": item.session, "client_address": item.client_address,
            "normalised": item.normalised, "seen_at": item.seen_at,
        }
        for item in messages
    ])


def insert_identities(conn: Connection, known: set[tuple[int, str, int]]) -> None:
    """(account, name, image): what a provider calls an image."""
    now = audit.now()
    insert_rows(conn, provider_identity, [
        {"account_id": owner, "name": name, "image_id": image_id, "known_at": now}
        for owner, name, image_id in sorted(known)
    ], skip_known=True)


def mailbox_of(
    item: Message, accounts: dict[str, int], mailboxes: dict[tuple[int, str], int]
) -> int | None:
    """The number of the mailbox; None for a submission."""
    return None if item.mailbox is None else mailboxes[accounts[item.account], item.mailbox]


def insert_places(
    conn: Connection, places: set[tuple[int, int, int, Any]], new_letters: Collection[int] = ()
) -> None:
    """(account, mailbox or 0, letter, arrival): what the list pages read.

    `new_letters`: those that this very transaction made; of them no place can be known.
    """
    for is_new in (True, False):
        insert_rows(conn, letter_place, [
            {"account_id": owner, "mailbox_id": mailbox, "letter_id": letter, "sort_at": at}
            for owner, mailbox, letter, at in sorted(places)
            if (letter in new_letters) is is_new
        ], skip_known=not is_new)


def insert_senders(conn: Connection, seen: Collection[tuple[int, int]], known: Mapping[int, str]) -> None:
    """(account, image): what lists sorted by sender read. `known`: how From begins, of images that are new."""
    others = {image_id for _, image_id in seen} - known.keys()
    starts = {**known, **find(conn, header_summary.c.image_id, header_summary.c.from_start, others)}
    insert_rows(conn, seen_sender, [
        {"account_id": owner, "from_start": starts[image_id], "image_id": image_id} for owner, image_id in sorted(seen)
    ], skip_known=True)


def insert_envelopes(
    conn: Connection, numbers: Numbers, messages: Sequence[Message], accounts: dict[str, int]
) -> None:
    """The envelope of each submission with every recipient and its reply."""
    submitted = [(item, item.envelope) for item in messages if item.envelope is not None]
    if not submitted:
        return
    insert_rows(conn, smtp_envelope, [
        {
            "capture": item.capture, "account_id": accounts[item.account],
            "mail_from": text(envelope, "mail_from", 255), "parameters": _parameters(envelope),
            "client_address": item.client_address, "client_name": text(envelope, "client_name", 255),
            "at": moment(envelope["at"]) if envelope.get("at") else item.seen_at,
        }
        for item, envelope in submitted
    ])
    ids = find(conn, smtp_envelope.c.capture, smtp_envelope.c.id, [item.capture for item, _ in submitted])
    recipients = [
        (ids[item.capture], position, one)
        for item, envelope in submitted
        for position, one in enumerate(envelope.get("recipients") or ())
    ]
    known = numbers.addresses(conn, (_recipient(one) for _, _, one in recipients))
    insert_rows(conn, smtp_recipient, [
        {
            "envelope_id": envelope_id, "position": position, "address_id": known[_recipient(one)],
            "code": number(one, "code") or 0, "text": text(one, "text", 1000),
            "accepted": 200 <= (number(one, "code") or 0) < 300,
        }
        for envelope_id, position, one in recipients
    ])


def _parameters(envelope: Facts) -> str:
    value = envelope.get("parameters") or ""
    return one_line(" ".join(map(str, value)) if isinstance(value, list) else str(value), 255)


def _recipient(one: Facts) -> str:
    return text(one, "address", 320).lower() or "?"


def insert_events(conn: Connection, numbers: Numbers, events: Sequence[Facts]) -> None:
    """Outcomes, refusals, gaps and log-ins. Raises RecordUnfit when one is none of them."""
    rows: dict[Table, list[Facts]] = {}
    for facts in events:
        try:
            if facts["event"] == "credential":
                _keep_credential(conn, facts)
                continue
            table, row = _event(conn, numbers, facts)
        except (KeyError, TypeError, ValueError) as error:
            raise RecordUnfit(f"an event lacks a fact: {error}") from None
        rows.setdefault(table, []).append(row)
    for table, of_table in rows.items():
        insert_rows(conn, table, of_table, skip_known=True)


def _keep_credential(conn: Connection, facts: Facts) -> None:
    """A password that a log-in has shown to be good, sealed by who saw it; or one that is good no more."""
    address, user = text(facts, "account", 255).lower(), text(facts, "user", 255)
    if facts.get("stale"):
        credentials.refused(conn, address, user, credentials.REMEMBERED)
        return
    credentials.keep(
        conn, address, kind=credentials.REMEMBERED, user=user, sealed=bytes.fromhex(facts["sealed"]), given_by=address,
        upstream=text(facts, "upstream", 255),
    )


def _event(conn: Connection, numbers: Numbers, facts: Facts) -> tuple[Table, Facts]:
    kind = facts["event"]
    at = moment(facts["at"]) if facts.get("at") else audit.now()
    if kind == "login":
        return audit_event, _login(facts, at)
    capture = bytes.fromhex(facts["of"] if kind == "outcome" else facts["capture"])
    if len(capture) != 16:
        raise RecordUnfit("an event has no good capture")
    if kind == "outcome":
        verdict = facts.get("verdict")
        return outcome, {
            "capture": capture, "verdict": verdict if verdict in VERDICTS else "unknown",
            "code": number(facts, "code") or 0, "text": text(facts, "text", 1000),
            "uidvalidity": number(facts, "uidvalidity"), "uid": number(facts, "uid"), "at": at,
        }
    address, upstream = text(facts, "account", 255).lower(), text(facts, "upstream", 255)
    reason = text(facts, "reason", 500) or "no reason was given"
    if kind == "refusal":
        return refusal, {
            "capture": capture, "account_id": numbers.find_account(conn, address),
            "source": text(facts, "source", 20), "reason": reason,
            "size_octets": number(facts, "size_octets") or 0, "spooled": facts.get("spooled") is True, "at": at,
        }
    if kind == "gap":
        owner = numbers.accounts(conn, [(address, upstream)])[address]
        name = facts.get("mailbox")
        pair = None if name is None else (owner, one_line(str(name), 255) or "?")
        return gap, {
            "capture": capture, "account_id": owner,
            "mailbox_id": None if pair is None else numbers.mailboxes(conn, [pair])[pair],
            "uidvalidity": number(facts, "uidvalidity"), "uid": number(facts, "uid"), "reason": reason, "at": at,
        }
    raise RecordUnfit(f"'{str(kind)[:40]}' is no event")


def _login(facts: Facts, at: Any) -> Facts:
    names = ("upstream", "user_agent", "session")
    actor = "person" if facts.get("person") else "account"
    after = {name: facts[name] for name in names if facts.get(name) is not None}
    return {
        "at": at, "actor": text(facts, actor, 255).lower(), "origin": text(facts, "client_address", 60),
        "action": "log-in" if facts.get("ok") else "log-in-refused",
        "target": f"account {text(facts, 'account', 240).lower()}", "before_value": None,
        "after_value": json.dumps(after),
    }
