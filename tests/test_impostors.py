"""Senders who are written so that they can be taken for others."""

import re
from collections.abc import Iterator

import pytest
from test_web_pages import letter_id, log_in
from web_archive import ANNA, Filling, application, archive, ingest

from postbuch.archive.config import Config
from postbuch.webmail.impostors import looks_like, names_another

PAYPAL = "p\u0430ypal.com"  # with a Cyrillic letter


@pytest.mark.parametrize(("name", "address"), [
    ("service@bank.example", "x@spion.example"), ("Bank <service@bank.example>", "x@spion.example"),
    ("service@bank.example via Liste", "x@spion.example"), ("'Service@Bank.Example'", "x@spion.example"),
    ("service\uff20bank.example", "x@spion.example"), ("service@ba\u200bnk.example", "x@spion.example"),
    ("service@bank.example", "service@bank.example.spion.example"), ("chef@firma.example", "chef@firma.exarnple"),
    (f"service@{PAYPAL}", "service@paypal.com"), ("a@ok.example, b@bank.example", "a@ok.example"),
    ("service@bank.example", "Bank"),
])
def test_a_name_with_the_address_of_somebody_else(name: str, address: str) -> None:
    assert names_another(name, address)


@pytest.mark.parametrize(("name", "address"), [
    ("", "x@kunde.example"), ("Anna Berg", "anna@firma.example"), ("anna@firma.example", "anna@firma.example"),
    ("Anna@Firma.Example", "anna@firma.example"), ("'anna@firma.example'", "anna@firma.example"),
    ("info@firma.example", "anna@firma.example"), ("anna@firma.example", "anna@post.firma.example"),
    ("anna@post.firma.example", "anna@firma.example"), ("Kunde.example", "x@spion.example"),
    ("Einkauf @ Firma", "x@firma.example"), ("anna@m\u00fcller.example", "anna@xn--mller-kva.example"),
    ("@bank", "x@spion.example"), ("Preis 3@5.00", "x@spion.example"),
])
def test_a_name_that_says_nothing_wrong(name: str, address: str) -> None:
    assert not names_another(name, address)


def test_a_long_name_takes_time_by_its_length() -> None:
    """What is nearly an address, again and again."""
    for piece in ("a", "a.", "a@", "a@b-", "-", "\u200b"):
        assert not names_another(piece * 200_000, "x@kunde.example")


@pytest.mark.parametrize(("address", "host"), [
    (f"info@{PAYPAL}", "xn--pypal-4ve.com"), ("info@xn--pypal-4ve.com", ""), ("info@m\u00fcller.example", ""),
    ("info@bank.example", ""), ("info", ""), ("", ""),
])
def test_an_address_that_looks_like_another(address: str, host: str) -> None:
    """Where its letters are shown; who reads `xn--` takes it for no other."""
    assert looks_like(address) == host


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    with archive(tmp_path_factory.mktemp("impostors") / "data", "127.0.0.1:1") as made:
        yield made


@pytest.mark.parametrize(("sender", "said"), [
    (b'"service@bank.example" <x@spion.example>', "the name gives another address than x@spion.example"),
    ("Bank <x@b\u0430nk.example>".encode(), "looks like another address and belongs to xn--bnk-6cd.example"),
    (b'"service@bank.example" <service@bank.example>', ""),
])
def test_a_sender_who_can_be_taken_for_another(config: Config, sender: bytes, said: str) -> None:
    """Is marked in his letter, and where answers to it go; not those whom he wrote to."""
    filling = Filling(uid=len(sender))
    filling.add(
        b"From: %s\r\nReply-To: %s\r\nTo: %s\r\nSubject: Konto\r\nMessage-ID: <%d@konto>\r\n\r\nHallo\r\n"
        % (sender, sender.replace(b"x@", b"y@"), sender, len(sender)), ANNA,
    )
    ingest(config, filling.records)
    with application(config) as app:
        reader = app.test_client()
        reader.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
        log_in(reader)
        page = reader.get(f"/m/{letter_id(reader, 'Konto')}").text
    marks = re.findall(r'<span class="posing">([^<]*)</span>', page)
    assert marks == ([said, said.replace("x@", "y@")] if said else [])
