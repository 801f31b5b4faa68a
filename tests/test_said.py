"""Sentences with a named reason: all of them in both languages, on the way through JSON, pipes and tables unharmed."""

import importlib
import io
import pickle
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from postbuch.archive import said
from postbuch.archive.dkimreasons import Doubt
from postbuch.archive.health import HealthFile, failure, health_path, read_all, said_in
from postbuch.archive.reasons import Collecting, Reason, Work
from postbuch.archive.said import Joint, Named, Said
from postbuch.certs.reasons import Ending
from postbuch.proxy import failure as proxy_failure
from provider.archive import config_in

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "archive" / "translations" / "de" / "LC_MESSAGES" / "messages.po"
FIELD = re.compile(r"\{(\w*)\}")


def _all() -> list[Named]:
    """Every reason of every package, also those that nobody listed here."""
    for package in ("archive", "certs", "proxy"):
        for path in sorted((ROOT / package).glob("*.py")):
            if "(Named)" in path.read_text(encoding="utf-8"):
                importlib.import_module(f"postbuch.{package}.{path.stem}")
    kinds = Named.__subclasses__()
    assert {Joint, Reason, Collecting, Ending, proxy_failure.Reason, proxy_failure.Detail} <= set(kinds)
    return [reason for kind in kinds for reason in kind]


def _sentence(reason: Named) -> Said:
    return reason.said(**{name: f"«{name}»" for name in FIELD.findall(reason.value)})


def test_the_catalogue_has_every_reason_and_no_other() -> None:
    """Nothing missing, empty, fuzzy or left over; the details stand in the German sentence as in the English one."""
    messages = {each.id: each for each in read_po(io.BytesIO(CATALOGUE.read_bytes()), locale="de") if each.id}
    reasons = _all()
    assert len(reasons) > 100
    assert set(messages) == {reason.value for reason in reasons}
    for english, message in messages.items():
        assert message.string and not message.fuzzy, english
        assert sorted(FIELD.findall(str(english))) == sorted(FIELD.findall(str(message.string))), english


def test_front_ends_tell_every_reason_in_both_languages() -> None:
    """What command line and web pages show is German where German is read, and the sentence itself in English."""
    same = []
    for reason in _all():
        sentence = _sentence(reason)
        assert said.told(sentence, "en") == sentence
        german = said.told(sentence, "de")
        assert all(f"«{name}»" in german for name in sentence.details)
        if german == sentence:
            same.append(reason.value)
    # Those that are nothing but details.
    assert all(not re.search(r"[A-Za-z]{2}", FIELD.sub("", template)) for template in same), same


def test_a_detail_that_is_a_sentence_is_told_as_well() -> None:
    """Ours within ours is translated, what a server said is quoted."""
    inner = proxy_failure.Detail.NO_CONNECTION.said(seconds=10)
    outer = proxy_failure.Reason.UPSTREAM_TIMEOUT.said(upstream="provider", endpoint="imaps://x:993", detail=inner)
    assert "did not answer in time (no connection within 10 s)" in outer
    assert "nicht rechtzeitig geantwortet (keine Verbindung binnen 10 s)" in said.told(outer, "de")
    quoted = proxy_failure.Reason.LOGIN_REFUSED.said(upstream="provider", detail="535 go away {now}")
    assert "abgelehnt: 535 go away {now};" in said.told(quoted, "de")
    assert said.told("somebody's words", "de") == "somebody's words"


def test_sentences_survive_pipes_and_health_files(tmp_path: Path) -> None:
    """What a process writes down about itself is told in German by another one."""
    config = config_in(tmp_path)
    inner = Reason.DATABASE_SAYS.said(words="gone away")
    sentence = Reason.DRAIN_WAITS_COUNTED.said(problem=Reason.DRAIN_WAITS.said(problem=inner), messages=3)
    assert said.told(pickle.loads(pickle.dumps(sentence)), "de") == said.told(sentence, "de")
    file = HealthFile(health_path(config, "archive"))
    file.write({"failures": [failure("database", "drain-waits", sentence, None), failure("x", "y", "plain", None)]})
    first, second = read_all(config)["archive"]["failures"]
    assert first["sentence"] == "captured mail waits in the spool, because the database says: gone away; " \
        "nothing is lost (3 messages)"
    assert (first["said"]["reason"], first["said"]["details"]["messages"]) == ("drain_waits_counted", 3)
    german = said.told(said_in(first), "de")
    assert german.startswith("aufgenommene Mail wartet im Spool, denn die Datenbank meldet: gone away; nichts ist")
    assert german.endswith("(3 Nachrichten)")
    assert said_in(second) == "plain"


@pytest.mark.parametrize("damage", [None, 7, {}, {"reason": "x"}, {"reason": "x", "template": "{y}", "details": {}},
                                    {"reason": "x", "template": "{", "details": {}}])  # fmt: skip
def test_another_versions_file_is_shown_in_english(damage: object) -> None:
    """Whatever stands there instead: the sentence beside it holds."""
    assert said.from_json(damage, "the sentence") == "the sentence"


@pytest.mark.parametrize("reason", [*Collecting, *Doubt, *Work])
def test_what_tables_hold_is_understood(reason: Collecting | Doubt | Work) -> None:
    """Each sentence that a column keeps is found again in its English text."""
    sentence = _sentence(reason)
    found = said.understood(str(sentence), type(reason))
    assert isinstance(found, Said)
    assert (found, found.reason, found.details) == (sentence, sentence.reason, sentence.details)


@pytest.mark.parametrize("reason", list(Collecting))
def test_several_sentences_are_understood(reason: Collecting) -> None:
    """The collector's stand together, each with the mailbox that it is about."""
    two = said.joined([Joint.ABOUT.said(subject=name, what=_sentence(reason)) for name in ("INBOX", "A: b")])
    assert said.told(said.understood(str(two), Collecting), "de") == said.told(two, "de")


def test_what_is_not_ours_is_left_alone() -> None:
    """Colons and semicolons alone make no sentence of ours; a text that was cut off stays as it is."""
    for text in ("", "NO: go away; come back", "host gives no UIDVALIDITY for the"):
        assert type(said.understood(text, Collecting)) is str
