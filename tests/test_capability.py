"""Which capabilities a client is told: what leads past the archive or blinds the tap is not among them."""

import pytest
from growing import times_as_long

from postbuch.proxy import capability


@pytest.mark.parametrize(
    "token",
    [
        b"STARTTLS", b"LOGINDISABLED", b"COMPRESS=DEFLATE", b"LOGIN-REFERRALS", b"MAILBOX-REFERRALS", b"JMAPACCESS",
        b"UNAUTHENTICATE", b"CATENATE", b"URLAUTH", b"URLAUTH=BINARY", b"URL-PARTIAL", b"UIDONLY", b"NOTIFY",
        b"AUTH=XOAUTH2", b"AUTH=SCRAM-SHA-256", b"notify",
    ],
)  # fmt: skip
def test_what_is_not_announced(token: bytes) -> None:
    """Neither before the log-in nor after it, in whatever case upstream writes it."""
    for logged_in in (False, True):
        assert token not in capability.kept([b"IMAP4rev1", token, b"IDLE"], logged_in=logged_in)


def test_everything_else_is_passed_on_in_order() -> None:
    """Also what nobody has heard of; the log-in's mechanisms are for before the log-in."""
    known = [b"IMAP4rev1", b"X-FUTURE=9", b"UIDPLUS", b"IDLE"]
    assert capability.kept(known, logged_in=True) == known
    before = capability.kept(known, logged_in=False)
    assert before[:4] == known
    assert {b"AUTH=PLAIN", b"AUTH=LOGIN", b"SASL-IR", b"LITERAL+", b"ID"} <= set(before)
    assert len(set(before)) == len(before)


def test_where_lists_stand() -> None:
    """Untagged, in the greeting, in a tagged OK; nothing beside the list changes."""
    for line, wanted in (
        (b"* CAPABILITY IMAP4rev1 NOTIFY IDLE\r\n", b"* CAPABILITY IMAP4rev1 IDLE\r\n"),
        (b"* OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] hi [there]\r\n", b"* OK [CAPABILITY IMAP4rev1] hi [there]\r\n"),
        (b"a OK [CAPABILITY IDLE CATENATE] Logged in\r\n", b"a OK [CAPABILITY IDLE] Logged in\r\n"),
        (b"* CAPABILITY  IMAP4rev1   NOTIFY  IDLE\r\n", b"* CAPABILITY IMAP4rev1 IDLE\r\n"),
        (b"* LIST () \"/\" \"NOTIFY\"\r\n", b"* LIST () \"/\" \"NOTIFY\"\r\n"),
    ):
        assert capability.rewritten(line, logged_in=True) == wanted


def test_referrals_are_taken_out() -> None:
    """RFC 2193 and 2221: a client must not follow one past the archive."""
    line = b"a NO [REFERRAL IMAP://anna;AUTH=*@other/] Remote\r\n"
    assert capability.rewritten(line, logged_in=True) == b"a NO Remote\r\n"


def test_a_referral_without_an_end_is_taken_out() -> None:
    """To the end of its line; and many of them take no longer than one."""
    assert capability.rewritten(b"a NO [REFERRAL IMAP://other/\r\n", logged_in=True) == b"a NO\r\n"
    assert times_as_long(lambda count: capability.rewritten(b"[REFERRAL " * count, logged_in=True), 1_500) < 10


def test_before_the_log_in_only_what_all_providers_have() -> None:
    """Nobody knows yet where a client will be sent."""
    lists = [[b"IMAP4rev1", b"IDLE", b"NAMESPACE"], [b"IMAP4rev1", b"idle"]]
    assert capability.common(lists) == [b"IMAP4rev1", b"IDLE"]
    assert capability.common([]) == []
