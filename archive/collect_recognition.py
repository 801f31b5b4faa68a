"""What the collector need not fetch: messages that upstream calls by a name that is known, or that came by APPEND.

Gmail shows one message under every label, in All Mail and in Trash, each time with another UID; X-GM-MSGID is the same
and never another message's, and messages never change there. A server may lie, and a provider may store other octets
than it was sent: so the length must be that of the image as well, or the message is fetched.
"""

import logging
import time
from collections.abc import Collection, Generator, Mapping, Sequence

from postbuch.archive.collect_answers import Described
from postbuch.archive.collect_connection import UpstreamTrouble
from postbuch.archive.collect_plan import Listed, Standing
from postbuch.archive.collect_run import Run
from postbuch.archive.recognition import Recognised, Unnamed
from postbuch.archive.sighted import Candidate
from postbuch.archive.uidset import UidSet

log = logging.getLogger("postbuch.collector")

APPENDUID = "APPENDUID"
GMAIL = b"X-GM-EXT-1"
INBOX = Listed(name=b"INBOX", readable="INBOX")
# What this run has fetched a moment ago under another label is in the database within a second.
PATIENCE_S = 5.0
LOOK_AGAIN_S = 0.05


def match(said: Described, named: Sequence[Candidate], appended: Candidate | None) -> tuple[int, str] | None:
    """(image, by what it is known) of a message, or None: it must be fetched. Two images of one name prove nothing."""
    if not said.size_octets:
        return None
    if appended is not None and appended.size_octets == said.size_octets:
        return appended.image_id, APPENDUID
    fitting = [each for each in named if each.size_octets == said.size_octets]
    return (fitting[0].image_id, said.identity) if len(fitting) == 1 else None


def recognise(
    run: Run, one: Listed, standing: Standing, said: Mapping[int, Described], appended: Mapping[int, Candidate]
) -> Generator[None, None, set[int]]:
    """Write down which of the messages of the open mailbox are known; gives their UIDs."""
    if run.one_by_one:  # its lengths are no lengths
        return set()
    named = yield from _named(run, {each.identity for each in said.values() if each.identity})
    hits = {}
    for uid, each in said.items():
        hit = match(each, named.get(each.identity, ()), appended.get(uid))
        if hit is not None:
            hits[uid] = hit
    if not hits:
        return set()
    there = run.session.flags(UidSet.of(sorted(hits)))
    found = [
        Recognised(
            uid=uid, image_id=image_id, by=by, identity=said[uid].identity, flags=there[uid][0],
            internal_date=there[uid][1],
        )
        for uid, (image_id, by) in hits.items() if uid in there
    ]  # fmt: skip
    run.rows.recognised(run.owner, one.readable, standing.uidvalidity, run.session.name, found)
    log.info("recognised account=%s messages=%d", run.owner.address, len(found))
    return {each.uid for each in found}


def _named(run: Run, names: Collection[str]) -> Generator[None, None, dict[str, list[Candidate]]]:
    found = run.rows.named(run.owner, names)
    coming = set(run.recent).intersection(names).difference(found)
    end = time.monotonic() + PATIENCE_S
    while coming and time.monotonic() < end:
        time.sleep(LOOK_AGAIN_S)
        yield
        found.update(run.rows.named(run.owner, coming))
        coming.difference_update(found)
    return found


def learn(run: Run, boxes: Sequence[Listed], *, whole: bool) -> Generator[None, None, None]:
    """Ask a provider that names its messages for the names of what came through the proxy, in these mailboxes.

    `whole`: they are all that there are, and what is not found in them is not asked for again.
    """
    if not run.session.has(GMAIL):
        return
    listed = {each.readable: each for each in boxes if each.selectable}
    after, more = run.rows.named_to(run.owner), True
    while more:
        found, after, more = run.rows.unnamed(run.owner, after)
        places: dict[tuple[str, int], list[Unnamed]] = {}
        for each in found:
            if each.mailbox in listed:
                places.setdefault((each.mailbox, each.uidvalidity), []).append(each)
        for (name, uidvalidity), seen in places.items():
            _ask(run, listed[name], uidvalidity, seen)
            yield
        if whole:
            run.rows.tell(run.owner.id, named_to=after)


def _ask(run: Run, one: Listed, uidvalidity: int, seen: list[Unnamed]) -> None:
    try:
        standing = run.session.examine(one.name)
        if standing is None or standing.uidvalidity != uidvalidity:
            return
        said = run.session.described(UidSet.of(sorted(each.uid for each in seen)))
    except UpstreamTrouble as error:
        if not error.refused:
            raise
        return
    run.rows.learnt(run.owner, [
        (said[each.uid].identity, each.candidate.image_id) for each in seen
        if said[each.uid].identity and said[each.uid].size_octets == each.candidate.size_octets
    ])
