"""Random IMAP sessions, straight at Dovecot and through Postbuch: the same answers, and the same mail afterwards.

What `test_transcript.py` does with a script, with what nobody has thought of. What the clock makes different is taken
out; the gate's promise is tried at the end: no message is gone upstream that is not kept here.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from spool_records import everything as spooled
from transcript import Silent, Step, Talk, one, without_time
from transcript_sides import Sides, rewritten, running
from wire_side import Chopped, digest, fetched, filled, sent
from wire_words import MESSAGES, Sessions

from postbuch.archive.record import MESSAGE

PASSWORD = "geheim"
COMMANDS = 60


def user(seed: int) -> str:
    return f"s{seed}@firma.example"


@pytest.fixture(scope="module")
def seeds(request: pytest.FixtureRequest) -> range:
    return range(request.config.getoption("--wire-seeds"))


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory, seeds: range) -> Iterator[Sides]:
    with running(tmp_path_factory.mktemp("sides"), {user(seed): PASSWORD for seed in seeds}) as made:
        yield made


# Postbuch's own words for what goes to nobody; refused by the server as well (docs/proxy.md). And of two things that
# are wrong with a held command the server finds the set first, because it is asked about that alone.
_OWN = re.compile(
    rb"(?m)^(\S+) (?:BAD this is no command|BAD this is no name of a mailbox|NO \[CANNOT\] a mailbox cannot be named"
    rb"|BAD Error in IMAP command [A-Z ]+: Invalid (?:UID )?messageset)"
)
# How many steps a change makes, and when it is told: an EXPUNGE that the gate sends in two makes two.
_MODSEQS = (
    (re.compile(rb"(?m)^\* OK \[HIGHESTMODSEQ \d+\] .*\r\n"), b""), (re.compile(rb" \[HIGHESTMODSEQ \d+\]"), b""),
    (re.compile(rb"\b(MODSEQ |MODSEQ \(|HIGHESTMODSEQ )\d+"), rb"\1<modseq>"),
)
# Which keywords a mailbox has: one that a SEARCH names comes to stay when something else is written, as when the gate
# has read messages.
_KEYWORDS = re.compile(rb"(?m)^\* (?:FLAGS|OK \[PERMANENTFLAGS) \(.*\r\n")
# Whether a mailbox has news is told by what the server has in its cache (RFC 9051 section 7.3.1: not definite).
_MARKED = re.compile(rb" ?\\(?:UnM|M)arked")
_DELETED = b"* BYE Selected mailbox was deleted"
_LISTS = re.compile(rb"(?:\* (?:LIST|LSUB) .*\r\n(?:[^*].*\r\n)?)+")
_EXPUNGES = re.compile(rb"(?:\* \d+ (?:RECENT\r\n\* \d+ )?EXPUNGE\r\n)+")


def settled(heard: bytes) -> bytes:
    """Without what a server may say now or later."""
    for pattern, instead in _MODSEQS:
        heard = pattern.sub(instead, heard)
    heard = _KEYWORDS.sub(b"", heard)
    return _LISTS.sub(lambda found: b"".join(sorted(found.group().splitlines(keepends=True))), _MARKED.sub(b"", heard))


def said(talk: Talk, step: Step, *, in_turn: bool = False) -> bytes:
    """What a side answers, without what may differ."""
    try:
        return settled(rewritten(without_time(talk.run(step, in_turn=in_turn))))
    except Silent:
        return b"<silence><closed>"


def refused_alike(wanted: bytes, got: bytes) -> tuple[bytes, bytes]:
    """Both answers, of commands that Postbuch answers itself only that they are refused."""
    for tag in _OWN.findall(got):
        line = re.compile(rb"(?m)^(" + re.escape(tag) + rb") (?:NO|BAD) .*")
        wanted, got = line.sub(rb"\1", wanted), line.sub(rb"\1", got)
    return wanted, got


def in_any_order(found: re.Match[bytes]) -> bytes:
    """EXPUNGE responses as the numbers before all of them: a server names several in any order."""
    gone: list[int] = []
    for number in map(int, re.findall(rb"(\d+) EXPUNGE", found.group())):
        for earlier in sorted(gone):
            number += earlier <= number
        gone.append(number)
    return b"".join(b"* %d EXPUNGED\r\n" % number for number in sorted(gone))


def same(step: Step, wanted: bytes, got: bytes) -> bool:
    """Whether both sides have answered a step alike."""
    wanted, got = (_EXPUNGES.sub(in_any_order, each) for each in refused_alike(wanted, got))
    return sorted(wanted.splitlines()) == sorted(got.splitlines()) if step.any_order else wanted == got


@dataclass(slots=True)
class Outcome:
    """What a session showed: where the answers part, and the digests of the messages that must be kept."""

    difference: str = ""
    due: set[str] = field(default_factory=set)
    crashed: bool = False  # Dovecot 2.3 itself, on `MOVE 2,*` and its like: nothing more can be compared


def compared(straight: Talk, through: Talk, steps: list[Step], *, through_in_turn: bool = False) -> Outcome:
    """Run a session on both sides up to the first difference."""
    outcome = Outcome()
    for place, step in enumerate(steps):
        wanted, got = said(straight, step, in_turn=True), said(through, step, in_turn=through_in_turn)
        outcome.due |= fetched(got) | (sent(step) if straight.agreed(wanted, len(step.commands)) else set())
        ended = wanted.endswith(b"<closed>")
        outcome.crashed = ended and b"* BYE" not in wanted
        if _DELETED in wanted:
            break  # the session that deleted its own mailbox goes on through Postbuch (docs/proxy.md)
        if not outcome.crashed and not same(step, wanted, got):
            outcome.difference = f"step {place} {step.commands}\n  straight {wanted!r}\n  through  {got!r}"
        if outcome.difference or ended:
            break
    return outcome


def everything(talk: Talk) -> list[bytes]:
    """All that an account has: mailboxes, subscriptions, messages with their flags."""
    found = [talk.run(one(b'LIST "" *')), talk.run(one(b'LSUB "" *'))]
    for name in re.findall(rb'"/" (.+)\r\n', found[0]):
        found.append(talk.run(one(b"EXAMINE " + name)))
        found.append(talk.run(one(b"UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")))
    return [settled(without_time(each)) for each in found]


def there(found: list[bytes]) -> set[str]:
    """Digests of the messages that an account has."""
    return {message for each in found for message in fetched(each)}


def run(sides: Sides, seed: int) -> tuple[Outcome, set[str]]:
    """One session on both sides, and what is upstream after it."""
    with contextlib.ExitStack() as stack:

        def opened(talk: Talk) -> Talk:
            stack.callback(talk.close)
            assert b" OK " in talk.run(one(f"LOGIN {user(seed)} {PASSWORD}".encode()))
            return talk

        for beside in sides.beside():
            filled(opened(beside))
        straight = opened(Chopped(*sides.straight_address, seed=seed))
        through = opened(Chopped(*sides.proxy_address, seed=seed + 1_000_000))
        outcome = compared(straight, through, Sessions(seed).steps(COMMANDS))
        left, got = (everything(opened(beside)) for beside in sides.beside())
        if not outcome.difference and not outcome.crashed and left != got:
            pair = next(pair for pair in zip(left, got, strict=False) if pair[0] != pair[1])
            outcome.difference = f"afterwards\n  straight {pair[0]!r}\n  through  {pair[1]!r}"
        return outcome, there(got)


def test_random_sessions_are_the_same(
    sides: Sides, seeds: range, record_property: Callable[[str, object], None]
) -> None:
    """Each seed's session gets the server's answers and leaves the server's mail; nothing that is gone is lost."""
    found, crashed = [], 0
    outcomes: dict[int, tuple[Outcome, set[str]]] = {}
    for seed in seeds:
        outcomes[seed] = outcome, _ = run(sides, seed)
        crashed += outcome.crashed
        if outcome.difference:
            found.append(f"seed {seed}: {outcome.difference}")
    kept: dict[str, set[str]] = {}
    for record in spooled(sides.proxy.config.data / "spool"):
        if record.kind == MESSAGE:
            kept.setdefault(record.facts["account"], set()).add(record.facts["sha256"])
    for seed, (outcome, upstream) in outcomes.items():
        here = kept.get(user(seed), set())
        lost, missing = {digest(each) for each in MESSAGES} - upstream - here, outcome.due - here
        if lost or missing:
            found.append(f"seed {seed}: lost {lost}, not kept though it passed {missing}")
    counted = f"{len(seeds)} sessions of {COMMANDS} commands, {len(found)} differ, {crashed} cut short"
    record_property("counted", counted)
    assert not found, "\n".join(found)
    assert crashed < len(seeds)
