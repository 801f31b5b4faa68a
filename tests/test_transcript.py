"""The same script, run straight at Dovecot and through Postbuch, gives the same transcript: invariant 6.

Two servers with the same user and nothing in their mailboxes; what the clock makes different is taken out, and
capabilities are as proxy.md section 2 says. Everything else is compared octet for octet.
"""

import contextlib
import re
from collections.abc import Callable, Iterator

import pytest
from transcript import Silent, Step, Talk, condition, one, without_time
from transcript_base import LOGIN, PASSWORD, SCRIPTS, USER, VERBS
from transcript_extensions import OF_CAPABILITY, PREPARE
from transcript_sides import IN_PLACE_OF_AUTH, Sides, rewritten, running


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    with running(tmp_path_factory.mktemp("sides"), {USER.decode(): PASSWORD.decode()}) as made:
        yield made


def named(heard: bytes) -> list[bytes]:
    """The capabilities in an answer."""
    return re.findall(rb"\* CAPABILITY[^\r]*", heard)


def differences(sides: Sides, steps: list[Step]) -> tuple[int, list[str]]:
    """Run a script on both sides; the number of its commands and where the transcripts part."""
    found: list[str] = []
    with contextlib.ExitStack() as stack:
        straight, through = sides.straight(), sides.through()
        stack.callback(straight.close)
        stack.callback(through.close)
        others: list[Talk] = []
        if any(step.elsewhere for step in steps):
            others = [sides.second(), sides.second(sides.upstream)]
            for other in others:
                stack.callback(other.close)
        for step in steps:
            if step.refused:
                heard = through.run(step)
                straight.run(one(b"NOOP"))  # so that the tags stay in step
                if b"not available here" not in heard or condition(heard)[-1].split()[1] not in (b"NO", b"BAD"):
                    found.append(f"{step.commands} is not refused: {heard!r}")
                continue
            try:
                wanted, got = b"<silence>", b"<silence>"
                wanted = straight.run(step, others[0] if others else None, in_turn=True)
                got = through.run(step, others[1] if others else None)
            except Silent:
                found.append(f"{step.commands}\n  straight {wanted!r}\n  through  {got!r}")
                break
            wanted, got = (rewritten(without_time(heard)) for heard in (wanted, got))
            if step.own:
                same = condition(wanted) == condition(got) and named(wanted) == named(got)
            elif step.any_order or step.holding:
                same = sorted(wanted.splitlines()) == sorted(got.splitlines())
            else:
                same = wanted == got
            if not same or (wanted == b"<closed>" and step is not steps[-1]):
                found.append(f"{step.commands}\n  straight {wanted!r}\n  through  {got!r}")
    return sum(len(step.commands) for step in steps), found


def scripts() -> dict[str, list[Step]]:
    """All scripts in the order in which they are run: each finds what the one before has left."""
    login = one(LOGIN)
    rest = {name.decode(): [login, *steps, one(b"LOGOUT")] for name, steps in OF_CAPABILITY.items() if steps}
    return {**SCRIPTS, "the extensions' mailboxes": PREPARE, **rest}


def test_transcripts_are_the_same(sides: Sides, record_property: Callable[[str, object], None]) -> None:
    """Every command of every script; prints how many there are and how many differ."""
    commands, differing = 0, []
    for name, steps in scripts().items():
        count, found = differences(sides, steps)
        commands += count
        differing += [f"[{name}] {each}" for each in found]
    steps = [step for each in scripts().values() for step in each]
    kept_here = sum(step.refused for step in steps), sum(step.own for step in steps)
    record_property("counted", f"{commands} commands, {len(differing)} differ"
                    " (refused as documented: %d, answered here: %d)" % kept_here)
    assert not differing, "\n".join(differing)
    assert commands > 500


def test_every_command_of_imap_is_in_it() -> None:
    """RFC 3501 and RFC 9051, section 6, each command also as UID where there is one."""
    commands = [command for steps in scripts().values() for step in steps for command in step.commands]
    assert {command.split()[0].upper() for command in commands} >= VERBS
    uid = {command.split()[1].upper() for command in commands if command.startswith(b"UID ")}
    assert uid >= {b"FETCH", b"STORE", b"COPY", b"MOVE", b"SEARCH", b"EXPUNGE", b"SORT", b"THREAD"}


def test_every_extension_of_dovecot_is_in_it(sides: Sides) -> None:
    """What Dovecot announces has a script, also what is stripped; nothing in the table is out of thin air."""
    talk = sides.second()
    heard = talk.run(one(b"CAPABILITY"))
    talk.close()
    announced = set(heard.split(b"\r\n", 1)[0].split()[2:]) - IN_PLACE_OF_AUTH
    assert announced == set(OF_CAPABILITY)
