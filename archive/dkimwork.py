"""The look at the signatures of what has arrived, behind the drains: DNS, check, rows. A job of the archive process.

Slow name servers and hostile mail cost time here, and nobody waits for it. What the DNS does not answer is tried
again later; only when it stays silent for days a row says so.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from postbuch.archive import alignment, audit, dkimrows, letters
from postbuch.archive.config import Config
from postbuch.archive.dkimparser import SignatureParser
from postbuch.archive.dkimreasons import Dns, Doubt
from postbuch.archive.dkimrows import MATCHING, Look, Waiting
from postbuch.archive.dkimsignature import (
    Judgement,
    Question,
    Signature,
    Verdict,
    dns_name,
    from_domain,
    signatures,
)
from postbuch.archive.dnsrecords import NoServers, Records, Texts
from postbuch.archive.errors import NotFound
from postbuch.archive.mailfirst import MailFirst
from postbuch.archive.skeleton import SkeletonDamaged

log = logging.getLogger("postbuch.archive")

# Only what came lately: an archive that is older than this job keeps its old letters as they are, and nothing is
# asked about mail whose keys are gone.
LATELY_DAYS = 30
# RFC 5321 section 4.5.4.1 lets mail itself wait for four or five days; a DNS that is silent for longer stays so.
GIVE_UP_DAYS = 5
# Images of one transaction, and octets of messages that are held meanwhile: 50 of the size of a firm's mail are 5 MB.
BATCH, BATCH_OCTETS = 50, 16_777_216
# 128 MiB, above what is submitted (100 MiB). The child needs five times that, far below its limit of 2 GiB.
MAX_MESSAGE_OCTETS = 134_217_728
# Images in one call, some seconds; then the job says how it goes.
IMAGES = 1000
# Two drains commit out of order, by some hundred images; what comes later still is found when all is looked through.
NEAR = 1000
FAR_EVERY_S = 300.0
# While the drains are behind, this waits as well; but not for longer than a minute.
PATIENCE_S = 60.0
# An image whose names were silent is put off as a name is (`dnsrecords.py`), for at least this long.
AGAIN_S, MAX_AGAIN_S = 60.0, 21_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A message with what its header says."""

    image: Waiting
    octets: bytes
    sender: str
    found: list[Signature]
    count: int

    @property
    def names(self) -> list[str]:
        """All names of the DNS that are wanted for it."""
        keys = [each.key_name for each in self.found if each.key_name]
        policies = [name for name in alignment.policy_names(self.sender) if dns_name(name)]
        return [*keys, *policies]


class SignatureWork:
    """One thread. `close` at the end."""

    def __init__(self, config: Config, engine: Engine, stopped: Callable[[], bool] = lambda: False) -> None:
        self._config = config
        self._engine = engine
        self._stopped = stopped
        self._parser = SignatureParser()
        self._records: Records | None = None
        self._later: dict[int, tuple[float, float]] = {}  # image → (not before, how long it was put off)
        self._far_at = self._again_at = 0.0
        self._floor = 0  # all images up to this one are too old to be looked at
        self._seen = -1  # the newest image when all was looked at
        self._mail_first = MailFirst(config.data / "spool", PATIENCE_S)
        self._said = ""

    def close(self) -> None:
        """End the child."""
        self._parser.close()

    def look(self) -> str:
        """Look at what waits. A sentence while the DNS as such does not answer, else empty. Raises ServiceMissing."""
        if not self._config.dns.enabled:
            return ""
        if self._mail_first.gives_way():
            return self._said
        try:
            self._records = self._records or Records(self._config.dns)
        except NoServers:
            return Dns.NONE.said()
        newest = self._newest()
        if self._seen == newest and time.monotonic() < self._again_at:
            return self._said
        done = 0
        above: int | None = self._above()
        while above is not None and done < IMAGES and not self._stopped():
            was_silent = self._records.silent
            above, opened = self._batch(self._records, above, 1 if was_silent else BATCH)
            done += opened
            if self._records.silent:
                break
            if was_silent:
                self._later.clear()
        self._seen = newest if above is None else -1
        self._again_at = time.monotonic() + AGAIN_S
        servers = ", ".join(self._config.dns.servers) or Dns.OF_THE_SYSTEM.said()
        self._said = Dns.SILENT.said(servers=servers) if self._records.silent else ""
        return self._said

    def _newest(self) -> int:
        with self._engine.connect() as conn:
            return dkimrows.newest_image(conn)

    def _above(self) -> int:
        """The image from which on to look: near the newest that was looked at; now and then all that came lately."""
        now = time.monotonic()
        with self._engine.connect() as conn:
            if now >= self._far_at:
                self._far_at = now + FAR_EVERY_S
                self._floor = dkimrows.last_before(conn, _lately())
                return self._floor
            return max(dkimrows.newest_looked_at(conn) - NEAR, self._floor)

    def _batch(self, records: Records, above: int, limit: int) -> tuple[int | None, int]:
        """Look at the next images: the last one's number (None when there are no more), and how many were opened."""
        with self._engine.connect() as conn:
            listed = dkimrows.waiting(conn, above, _lately(), BATCH)
            now = time.monotonic()
            opened: list[Opened] = []
            size, last = 0, None
            for each in listed:
                if opened and (size + each.size_octets > BATCH_OCTETS or len(opened) == limit):
                    break
                last = each.id
                if self._later.get(each.id, (0.0, 0.0))[0] > now:
                    continue
                try:
                    opened.append(self._open(conn, each))
                except (SkeletonDamaged, NotFound) as error:  # `postbuch verify` says so, to somebody
                    log.error("signatures-unread image=%d reason=%s", each.id, error)
                    self._put_off(each.id)
                    continue
                size += len(opened[-1].octets)
        answers = records.look_up(list(dict.fromkeys(name for each in opened for name in each.names)))
        looks = []
        for message in opened:
            if self._stopped():
                return None, len(opened)
            is_old = audit.now() - message.image.archived_at > timedelta(days=GIVE_UP_DAYS)
            if any(answers[name] is None for name in message.names) and not is_old:
                self._put_off(message.image.id)
                continue
            looks.append(self._judge(message, answers))
            self._later.pop(message.image.id, None)
        if looks:
            with self._engine.begin() as conn:
                dkimrows.write(conn, looks)
            log.info("signatures images=%d", len(looks))
        return last, len(opened)

    def _put_off(self, image_id: int) -> None:
        _, last_s = self._later.get(image_id, (0.0, AGAIN_S / 2))
        wait_s = min(last_s * 2, MAX_AGAIN_S)
        self._later[image_id] = time.monotonic() + wait_s, wait_s

    def _open(self, conn: Connection, image: Waiting) -> Opened:
        if image.size_octets > MAX_MESSAGE_OCTETS:
            return Opened(image=image, octets=b"", sender="", found=[], count=0)
        octets = letters.octets(conn, self._config, image.id)
        found, count = signatures(octets)
        return Opened(image=image, octets=octets, sender=from_domain(octets), found=found, count=count)

    def _judge(self, opened: Opened, answers: Mapping[str, Texts | None]) -> Look:
        at = audit.now()
        policy_name, policy = _policy(opened.sender, answers)
        keys = {each.position: _key(answers.get(each.key_name)) for each in opened.found}
        question = Question(
            keys={place: key for place, key in keys.items() if key is not None}, at=at.replace(tzinfo=UTC).timestamp()
        )
        judged = {each.position: each for each in self._parser.judge(opened.octets, question)}
        reason = ""
        if opened.image.size_octets > MAX_MESSAGE_OCTETS:
            reason = Doubt.TOO_LARGE.said(octets=MAX_MESSAGE_OCTETS)
        elif opened.count > len(opened.found):
            reason = Doubt.TOO_MANY.said(checked=len(opened.found), signatures=opened.count)
        check = {
            "image_id": opened.image.id, "from_domain": opened.sender, "signature_count": opened.count,
            "dmarc_name": policy_name, "dmarc_record": policy or None, "reason": str(reason), "checked_at": at,
        }
        verdicts = [
            _row(
                each, judged.get(each.position) or _unjudged(each, answers), keys[each.position], opened.sender, policy
            )
            for each in opened.found
        ]
        return Look(check=check, verdicts=verdicts)


def _lately() -> datetime:
    return audit.now() - timedelta(days=LATELY_DAYS)


def _unjudged(signature: Signature, answers: Mapping[str, Texts | None]) -> Judgement:
    """What is said of a signature without a key record."""
    if not signature.key_name:
        verdict, doubt = Verdict.UNFIT, Doubt.UNREADABLE
    elif answers[signature.key_name] is None:
        verdict, doubt = Verdict.UNKNOWN, Doubt.DNS_SILENT
    else:
        verdict, doubt = Verdict.NO_KEY, Doubt.NO_KEY
    return Judgement(position=signature.position, verdict=verdict.value, doubt=doubt.name)


def _row(signature: Signature, judged: Judgement, key: str | None, sender: str, policy: str) -> dict[str, Any]:
    aligned = alignment.alignment(signature.domain, sender)
    doubt = Doubt[judged.doubt] if judged.doubt else None
    return {
        "position": signature.position, "domain": signature.domain, "selector": signature.selector,
        "identity": signature.identity, "algorithm": signature.algorithm, "verdict": judged.verdict,
        "reason": str(doubt.said(days=GIVE_UP_DAYS)) if doubt else "", "aligned": aligned,
        "in_force": judged.verdict in MATCHING and alignment.counts(aligned, policy),
        "key_name": signature.key_name, "key_record": key,
    }


def _key(texts: Texts | None) -> str | None:
    """The key record among the texts of a name (RFC 6376 section 3.6.2.2 leaves it open which of several)."""
    if not texts:
        return None
    records = [text.decode("latin-1") for text in texts]
    return next((record for record in records if "p=" in record.replace(" ", "")), records[0])


def _policy(sender: str, answers: Mapping[str, Texts | None]) -> tuple[str, str]:
    """Name and text of the sender's policy; of several none holds (RFC 7489 section 6.6.3)."""
    for name in alignment.policy_names(sender):
        found = [text.decode("latin-1") for text in answers.get(name) or ()]
        found = [text for text in found if alignment.is_policy(text)]
        if found:
            return (name, found[0]) if len(found) == 1 else ("", "")
    return "", ""
