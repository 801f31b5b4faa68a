"""All mailboxes of one account, once: what upstream lists, what was chosen of it, what is there no more."""

import logging
from collections.abc import Generator

from postbuch.archive import audit, collect_plan, said
from postbuch.archive.collect_backoff import Trouble
from postbuch.archive.collect_connection import UpstreamTrouble
from postbuch.archive.collect_mailbox import collect
from postbuch.archive.collect_plan import Listed, Look, Standing
from postbuch.archive.collect_recognition import GMAIL, INBOX, learn
from postbuch.archive.collect_rows import Known
from postbuch.archive.collect_run import Run
from postbuch.archive.said import Joint
from postbuch.archive.uidset import UidSet

log = logging.getLogger("postbuch.collector")

def collect_all(run: Run) -> Generator[None, None, None]:
    """Bring every chosen mailbox up to date. What one mailbox is refused for stands in `run.failures`.

    Raises UpstreamTrouble when the connection is lost or upstream asks for less, SpoolError, and the database's errors.
    """
    listed, standings = run.session.mailboxes()
    choice = collect_plan.read_choice(run.owner.archive, run.owner.excluded)
    known = run.rows.known(run.owner)
    boxes = collect_plan.chosen(listed, choice, gmail=run.session.has(GMAIL))
    wanted: list[tuple[Listed, Standing | None]] = []
    for one in boxes:
        standing = standings.get(one.name)
        if standing is None:
            try:
                standing = run.session.standing(one.name)
            except UpstreamTrouble as error:
                _note(run, one, error)
                continue
            yield
        wanted.append((one, standing))
    run.wanted = sum(_missing(run, one, standing, known.get(one.readable)) for one, standing in wanted)
    yield from learn(run, listed, whole=True)
    for one, standing in wanted:
        yield from _collect(run, one, standing, known)
    for gone in sorted(set(known) - {each.readable for each in listed}):
        if listed:  # an empty list is an upstream that is not well, not an account without INBOX
            _end(run, known[gone])
    if boxes:
        # The first is the one that people wait for: INBOX, at Gmail All Mail, else what was chosen. Open to idle on.
        run.watched = boxes[0]
        yield from _collect(run, boxes[0], None, run.rows.known(run.owner))


def collect_watched(run: Run, watched: Listed) -> Generator[None, None, None]:
    """Bring one mailbox up to date, and leave it open: upstream said while idling that it has changed."""
    yield from learn(run, [INBOX], whole=False)
    yield from _collect(run, watched, None, run.rows.known(run.owner))


def _collect(run: Run, one: Listed, standing: Standing | None, known: dict[str, Known]) -> Generator[None, None, None]:
    before = known.get(one.readable)
    try:
        yield from collect(run, one, None if before is None else before.swept, standing)
    except UpstreamTrouble as error:
        _note(run, one, error)


def _note(run: Run, one: Listed, error: UpstreamTrouble) -> None:
    """A mailbox that upstream refuses is no reason to leave the others; anything else is."""
    if not error.refused or error.trouble is not Trouble.ANSWER:
        raise error
    run.failures.append(Joint.ABOUT.said(subject=one.readable, what=said.of(error)))
    log.warning("mailbox-refused account=%s reason=%s", run.owner.address, error)


def _missing(run: Run, one: Listed, standing: Standing | None, before: Known | None) -> int:
    """How many messages will have to be fetched, for the estimate."""
    if standing is None:
        return 0
    look = collect_plan.how_to_look(standing, before.swept if before else None, audit.now())
    if look is Look.NOTHING:
        return 0
    if look is Look.NEW and before is not None:
        return max(0, standing.messages - before.swept.messages)
    return max(0, standing.messages - len(run.archived(one.readable, standing.uidvalidity, 1)))


def _end(run: Run, gone: Known) -> None:
    """The mailbox was removed or renamed: its messages are no more where they were seen."""
    archived = run.archived(gone.name, gone.swept.uidvalidity, 1)
    left: UidSet = archived.without(run.rows.vanished(gone.mailbox_id, gone.swept.uidvalidity))
    run.rows.add_vanished(gone.mailbox_id, gone.swept.uidvalidity, left, "mailbox")
    run.rows.end_mailbox(gone.mailbox_id)
    log.info("mailbox-gone account=%s messages=%d", run.owner.address, len(left))
