"""What follows the drains gives way to them, and has its turn all the same."""

import time
from pathlib import Path

from postbuch.archive import mailfirst, spool
from postbuch.archive.mailfirst import MailFirst
from provider.archive import message_facts

PATIENCE_S = 0.5


def fill(folder: Path, count: int) -> None:
    """So many messages that no drain takes."""
    with spool.SpoolWriter(folder, reserve_octets=0) as writer:
        waiting = []
        for uid in range(1, count + 1):
            message = writer.begin(3)
            message.write(b"a\r\n")
            waiting.append(message.commit(message_facts(uid=uid), urgent=uid == count))
        for each in waiting:
            each.result(30)


def test_an_idle_drain_holds_nobody_up(tmp_path: Path) -> None:
    """A missing, an empty and a usual spool."""
    follower = MailFirst(tmp_path / "spool", PATIENCE_S)
    assert not follower.gives_way()
    fill(tmp_path / "spool", mailfirst.BEHIND_MESSAGES)
    assert not follower.gives_way()


def test_patience_ends(tmp_path: Path) -> None:
    """One turn for each patience while the spool stays full; none to wait for once it is empty."""
    fill(tmp_path / "spool", mailfirst.BEHIND_MESSAGES + 1)
    follower = MailFirst(tmp_path / "spool", PATIENCE_S)
    for _ in range(2):
        begun = time.monotonic()
        while follower.gives_way():
            time.sleep(0.01)
        assert time.monotonic() - begun >= PATIENCE_S * 0.9
    assert follower.gives_way()
    for path in spool.waiting(tmp_path / "spool"):
        path.unlink()
    assert not follower.gives_way()


def test_a_turn_is_for_who_has_waited(tmp_path: Path) -> None:
    """Idle before a burst, the follower gives way at once; after its patience it works for its turn and waits again."""
    follower = MailFirst(tmp_path / "spool", PATIENCE_S, PATIENCE_S)
    assert not follower.gives_way()
    fill(tmp_path / "spool", mailfirst.BEHIND_MESSAGES + 1)
    assert follower.gives_way()
    for waits in (True, False, True):
        begun = time.monotonic()
        while follower.gives_way() is waits:
            time.sleep(0.01)
        assert time.monotonic() - begun >= PATIENCE_S * 0.9
