"""Guessing is slowed, and after some guesses upstream is not asked; who knows the password is not held up by others."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import USERS
from imap_proxy import Client, ImapProxy, config_for

from postbuch.proxy import throttle
from postbuch.proxy.throttle import FORGET_AFTER_S, LONGEST_DELAY_S, MAX_GUESSES, NEXT_GUESS_S, WRONG_FOR_S, Throttle
from provider.dovecot import Dovecot
from provider.ports import wait_until

GRETA = list(USERS)[6]
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> Throttle:
    return Throttle(clock)


def guess(guard: Throttle, clock: Clock, password: str, address: str = HERE) -> tuple[float, bool]:
    """One wrong password after its delay: (the delay, whether upstream was asked)."""
    with guard.attempt(address, GRETA, password.encode()) as attempt:
        delay_s, asked = attempt.delay_s, attempt.may_ask
        clock.now += delay_s
        attempt.failed(asked=asked)
    return delay_s, asked


def test_the_same_wrong_password(guard: Throttle, clock: Clock) -> None:
    """Asked once, each time more slowly, until it may have become right."""
    tries = [guess(guard, clock, "alt") for _ in range(12)]
    assert [asked for _, asked in tries] == [True] + [False] * 11
    delays = [delay for delay, _ in tries]
    assert delays == sorted(delays) and delays[:5] == [0, 0, 0, 1, 2] and delays[-1] == LONGEST_DELAY_S
    clock.now += WRONG_FOR_S
    assert guess(guard, clock, "alt")[1]


def test_many_passwords(guard: Throttle, clock: Clock) -> None:
    """Twelve in a row are eight upstream; then one in five minutes; a pause forgets."""
    asked = [guess(guard, clock, str(number))[1] for number in range(12)]
    assert asked == [True] * MAX_GUESSES + [False] * 4
    clock.now += NEXT_GUESS_S
    assert [guess(guard, clock, "next")[1], guess(guard, clock, "one more")[1]] == [True, False]
    clock.now += FORGET_AFTER_S
    assert guess(guard, clock, "after a break") == (0, True)


def test_all_at_once(guard: Throttle) -> None:
    """Passwords tried side by side delay each other; many connections with the same one do not."""
    attempts = [guard.attempt(HERE, GRETA, b"%d" % number).__enter__() for number in range(12)]
    assert [each.delay_s > 0 for each in attempts] == [True] * 12
    for each in attempts:
        each.__exit__(None, None, None)
    same = [guard.attempt(HERE, GRETA, b"right").__enter__() for _ in range(12)]
    assert all(each.delay_s == 0 and each.may_ask for each in same)


def test_others_are_not_held_up(guard: Throttle, clock: Clock) -> None:
    """Another address with the right password; the same address after a success."""
    for number in range(12):
        guess(guard, clock, str(number))
    with guard.attempt(ELSEWHERE, GRETA, b"right") as attempt:
        assert attempt.delay_s == 0 and attempt.may_ask
        attempt.succeeded()
    with guard.attempt(HERE, GRETA, b"right") as attempt:
        assert not attempt.may_ask
    guess(guard, clock, "x", "192.0.2.3")
    with guard.attempt("192.0.2.3", GRETA, b"right") as attempt:
        attempt.succeeded()
        assert attempt.delay_s == 0


# Dovecot slows guessing as well, by address: others use the session's server from the same one.
AT_ONCE = """
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    with Dovecot(tmp_path_factory.mktemp("d"), {GRETA: USERS[GRETA]}, extra_configuration=AT_ONCE) as made:
        yield made


@pytest.fixture
def proxy(tmp_path: Path, server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImapProxy]:
    monkeypatch.setattr(throttle, "FIRST_DELAY_S", 0.01)
    with ImapProxy(config_for(tmp_path, server)) as made:
        yield made


@pytest.mark.parametrize(("password", "reach"), [("falsch", 1), ("falsch-{}", MAX_GUESSES)])
def test_twelve_in_a_row(proxy: ImapProxy, server: Dovecot, password: str, reach: int) -> None:
    """Against a real server: how many of twelve it hears of, and who may still log in."""
    def failures() -> int:
        lines = (server.folder / "dovecot.log").read_text(encoding="utf-8").splitlines()
        return sum("auth failed" in line and f"user=<{GRETA}>" in line for line in lines)

    before = failures()
    client = proxy.client()
    for number in range(12):
        answer = client.command(f"LOGIN {GRETA} {password.format(number)}".encode())[-1]
        assert b" NO [AUTHENTICATIONFAILED] the log-in failed" in answer
    assert failures() - before == reach
    wait_until(lambda: [event["ok"] for event in proxy.events("login")] == [False] * 12, "each of them on record")
    elsewhere = Client(proxy.port, proxy.trust, source="127.0.0.2")
    elsewhere.ok(f"LOGIN {GRETA} {USERS[GRETA]}".encode())
    elsewhere.close()
