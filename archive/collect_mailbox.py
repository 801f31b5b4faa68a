"""One mailbox of one account, until it is complete or what is missing has a name.

Written as generators: after each batch the scheduler may let others work first, or stop.
"""

import hashlib
import logging
from collections.abc import Generator, Iterator, Mapping

from postbuch.archive import audit, collect_plan
from postbuch.archive.collect_backoff import Trouble
from postbuch.archive.collect_connection import UpstreamTrouble
from postbuch.archive.collect_plan import Difference, Listed, Look, Standing, Swept
from postbuch.archive.collect_recognition import recognise
from postbuch.archive.collect_run import Run
from postbuch.archive.reasons import Collecting
from postbuch.archive.sighted import Candidate
from postbuch.archive.uidset import UidSet

log = logging.getLogger("postbuch.collector")

# Sizes are asked for of so many messages at once: an answer of 2,000 short lines.
PORTION = 2000
NOT_GIVEN = "upstream lists the message and does not give it out"
GONE_AT_ONCE = "the message was removed before it was fetched"
GIVEN_AND_GONE = "upstream has given out UID {uids} and had no message there: removed before it was seen, or left out"


def collect(run: Run, one: Listed, before: Swept | None, standing: Standing | None) -> Iterator[None]:
    """Bring the mailbox up to date. `standing` is what STATUS said, None when it was not asked.

    Raises UpstreamTrouble, SpoolError and what the database raises; then nothing is written down as complete.
    """
    now = audit.now()
    if standing is not None and collect_plan.how_to_look(standing, before, now) is Look.NOTHING:
        return
    opened = run.session.examine(one.name)
    if opened is None:
        raise UpstreamTrouble(
            Trouble.ANSWER, Collecting.NO_UIDVALIDITY.said(host=run.session.host, mailbox=one.readable),
            refused=True,
        )
    mailbox_id = run.rows.mailbox_id(run.owner, one.readable)
    look = collect_plan.how_to_look(opened, before, now)
    if before is None or before.uidvalidity != opened.uidvalidity:
        run.rows.begin_mailbox(mailbox_id, opened.uidvalidity)
        before = None
    if look is Look.NEW and before is not None:
        listed = yield from _look(run, one, mailbox_id, opened, before, before.uidnext)
        if listed is not None and collect_plan.is_whole(opened, before, listed):
            count = before.listed + listed
            run.rows.looked(mailbox_id, opened, listed=count, archived=count, swept=False, failure=before.failure)
            return
    if look is not Look.NOTHING:
        yield from _look(run, one, mailbox_id, opened, before, 1)


def _look(
    run: Run, one: Listed, mailbox_id: int, standing: Standing, before: Swept | None, first: int
) -> Generator[None, None, int | None]:
    """Compare the UIDs from `first` on and fetch what is missing; how many there were, None when some are missing."""
    appended = run.appended(one.readable, standing.uidvalidity, first)
    # What the archive has is asked first: a message that comes between would else seem to have vanished.
    archived = run.archived(one.readable, standing.uidvalidity, first)
    vanished = run.rows.vanished(mailbox_id, standing.uidvalidity, first)
    listed = run.session.uids(standing.messages, first)
    doubt = ""
    if first == 1 and len(listed) < standing.messages:
        listed.update(run.session.uids_by_number(standing.messages))
        if len(listed) < standing.messages:
            doubt = Collecting.NOT_LISTED.said(messages=standing.messages, listed=len(listed))
    given = None if before is None or not before.swept_at else (before.uidnext, standing.uidnext)
    unread = UidSet.of(sorted(appended))
    found = collect_plan.compare(listed, archived, vanished, first=first, given=given, unread=unread)
    run.wanted = max(run.wanted, run.fetched + len(found.fetch))
    missing = yield from _fetch(run, one, standing, found, appended)
    if found.vanished:
        run.rows.add_vanished(mailbox_id, standing.uidvalidity, found.vanished)
        log.info("vanished account=%s messages=%d", run.owner.address, len(found.vanished))
    for start, end in found.never_seen.spans():
        _gap(run, one, standing, start, GIVEN_AND_GONE.format(uids=start if start == end else f"{start} to {end}"))
    failure = doubt
    if missing:
        reason = Collecting.ONE_NOT_GIVEN if len(missing) == 1 else Collecting.NOT_GIVEN
        failure = reason.said(messages=len(missing), uids=missing.wire().decode()[:100])
    if first == 1 or failure:
        run.rows.looked(
            mailbox_id, standing, listed=len(listed), archived=len(listed) - len(missing), swept=first == 1,
            failure=failure,
        )  # fmt: skip
    return None if missing else len(listed)


def _fetch(
    run: Run, one: Listed, standing: Standing, found: Difference, appended: Mapping[int, Candidate]
) -> Generator[None, None, UidSet]:
    """Fetch what is missing, newest first. Gives the UIDs that upstream lists and does not give out."""
    not_had = UidSet()
    for portion in collect_plan.portions(found.fetch, PORTION):
        said = run.session.described(portion)
        known = yield from recognise(run, one, standing, said, appended)
        sizes = {
            uid: collect_plan.BATCH_OCTETS if run.one_by_one else each.size_octets
            for uid, each in said.items() if uid not in known
        }  # fmt: skip
        for batch in collect_plan.batches(sizes):
            had = _take(run, one, standing, batch)
            run.recent.extend(said[uid].identity for uid in had if said[uid].identity)
            yield
            for uid in batch:
                if uid not in had and not _take(run, one, standing, [uid]):
                    not_had.add(uid)
    if not not_had:
        return not_had
    still = run.session.uids(standing.messages)
    for uid in not_had:
        _gap(run, one, standing, uid, NOT_GIVEN if uid in still else GONE_AT_ONCE)
    return UidSet.of(uid for uid in not_had if uid in still)


def _take(run: Run, one: Listed, standing: Standing, uids: list[int]) -> set[int]:
    place = run.owner.id, one.readable, standing.uidvalidity
    try:
        had, octets = run.keeper.keep(run.session, run.owner, one.name, place, run.session.messages(uids))
    except UpstreamTrouble as error:
        if error.refused and error.trouble is Trouble.ANSWER:
            return set()  # of a batch each is asked for alone, and one alone is named
        raise
    run.fetched += len(had)
    run.tally.fetched += len(had)
    run.tally.octets_archived += octets
    return had


def _gap(run: Run, one: Listed, standing: Standing, uid: int, reason: str) -> None:
    """On record once, however often it is noticed."""
    words = ("gap", run.owner.address, one.readable, str(standing.uidvalidity), str(uid))
    capture = hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).digest()[:16]
    run.keeper.gap(run.owner, one.readable, standing.uidvalidity, uid, reason, capture)
