"""What the processes say is wrong is German on a German page: every sentence that they can say has its template."""

import datetime
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from postbuch.archive.collect_mailbox import NOT_GIVEN
from postbuch.archive.completeness import Box, Standing, Verdict
from postbuch.certs import expiry
from postbuch.certs.files import certificate_files
from postbuch.proxy.failure import Reason
from postbuch.webmail.sentences import TEMPLATES, translated

CATALOGUE = Path(__file__).resolve().parent.parent / "webmail/translations/de/LC_MESSAGES/messages.po"
GERMAN = {message.id: message.string for message in read_po(io.BytesIO(CATALOGUE.read_bytes()), locale="de")}
NOW = datetime.datetime(2026, 11, 25, 12, 0)


def german(text: str, **values: object) -> str:
    return str(GERMAN[text]) % values


def english(text: str, **values: object) -> str:
    return text % values


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_every_reason_of_the_proxy(reason: Reason) -> None:
    """The detail, in whatever words, stays as it is; in English nothing changes at all."""
    facts = {"upstream": "provider", "endpoint": "imaps://imap.example:993", "detail": "x (y); z: 100 % [w]"}
    sentence = reason.value.format(**facts)
    assert re.sub(r"\{(\w+)\}", r"%(\1)s", reason.value) in TEMPLATES
    said = translated(sentence, german)
    assert said is not None and said != sentence
    assert all(facts[name] in said for name in re.findall(r"\{(\w+)\}", reason.value))
    assert translated(sentence, english) == sentence
    assert translated(f"anna@firma.example: {sentence}", english) == f"anna@firma.example: {sentence}"


BOX = Box(name="Archiv", upstream=5, archived=3, gone=0, gaps=0, looked_at=NOW, compared_at=None, failure="x")
STANDING = Standing(
    account="anna@firma.example", upstream="provider", verdict=Verdict.MISSING, boxes=(BOX,), exclusions=(),
    choice="all", gaps=0, refusals=0, complete_at=None, lag=None, wanted=0, fetched=0, octets_received=0,
    octets_archived=0, failure="",
)  # fmt: skip
SAID: dict[str, Callable[[], str]] = {
    "missing": lambda: STANDING.sentence,
    "late": lambda: replace(STANDING, verdict=Verdict.LATE, complete_at=NOW).sentence,
    "never": lambda: replace(STANDING, verdict=Verdict.LATE, failure="imap.example does not answer (LIST)").sentence,
    "withheld": lambda: f"2 messages cannot be had: {NOT_GIVEN} (UID 30,60)",
    "counts": lambda: "upstream counts 33 messages and lists 30",
    "a mailbox": lambda: "Archiv 2025: imap.example refuses: [SERVERBUG] no (EXAMINE)",
    "two mailboxes": lambda: "A: h refuses: no (EXAMINE); B: h gives no UIDVALIDITY for the mailbox B",
    "two that refuse": lambda: "A: h refuses: no (EXAMINE); B: h refuses: no (EXAMINE); C: h broke off: x (FETCH)",
    "certificate": lambda: "h has a certificate that is not trusted (self-signed certificate) (cannot be reached)",
    "silent": lambda: "h broke off: Connection reset by peer (FETCH)",
}


@pytest.mark.parametrize("name", SAID)
def test_what_the_archive_says(name: str) -> None:
    """No English word of ours is left."""
    sentence = SAID[name]()
    said = translated(sentence, german)
    assert said is not None and translated(sentence, english) == sentence
    assert not re.search(r"\b(messages|upstream|the|broke|refuses|does|lists|was|yet|trusted|behind)\b", said), said


@pytest.mark.parametrize("days", [-3, 5])
@pytest.mark.parametrize("own", [True, False])
def test_certificates(days: int, own: bool) -> None:
    """The remedy inside is translated as well."""
    files = certificate_files(Path("/x"))
    for path in (files.ca, files.server):
        sentence = expiry._sentence(files, path, days, own=own)
        said = translated(sentence, german)
        assert said is not None and " the " not in said and "restart" not in said
        assert translated(sentence, english) == sentence


def test_what_nobody_knows_is_left_alone() -> None:
    """It is marked as English instead."""
    assert translated("something else went wrong", german) is None
    assert translated("anna@firma.example: something; imap.example does not answer (LIST)", german) is None
