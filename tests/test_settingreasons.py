"""What is wrong with a setting: each sentence has its reason, and its German where German is read."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from postbuch.archive import config, said
from postbuch.archive.errors import ConfigError
from postbuch.archive.said import Said
from postbuch.archive.settingreasons import Setting

UPSTREAM = {"name": "a", "domains": ["x"], "imap": "imaps://m", "submission": "smtps://m"}
# A value of each kind that TOML has; none of them is right for every key.
VALUES: list[Any] = [7, -1, 10**30, 1.5, True, "", "ä b", "x", [], ["ä b"], {"a": 1}, datetime(2026, 1, 1, tzinfo=UTC)]


def _documents(model: type[BaseModel], around: Callable[[Any], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each key of a table with each value, the other keys as they are by default."""
    for name, field in model.model_fields.items():
        for value in VALUES:
            yield around({name: value})
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                listed = inner is not field.annotation
                yield from _documents(inner, partial(_within, around, name, listed))


def _within(
    around: Callable[[Any], dict[str, Any]], name: str, listed: bool, found: dict[str, Any]
) -> dict[str, Any]:
    """A table in the document around it; alone in its list where there may be several."""
    return around({name: [found] if listed else found})


def _reason(error: ConfigError) -> Said:
    """What is wrong, without the file and the key. All of it has reasons, or the test fails here."""
    sentence = said.of(error)
    assert isinstance(sentence, Said)
    what = sentence.details["what"]
    assert isinstance(what, Said)
    found = what.details.get("cause", what)
    assert isinstance(found, Said), what
    return found


def test_what_is_wrong_with_a_setting_has_its_reason() -> None:
    """Whatever stands where: none of the sentences is the library's, which knows no German."""
    reasons = set()
    for document in _documents(config.Config, lambda found: found):
        try:
            config.parse(document, Path("postbuch.toml"))
        except ConfigError as error:
            reasons.add(_reason(error).reason)
    assert reasons > {"no_whole_number", "too_small", "no_truth", "no_text", "no_list", "no_table", "empty"}


@pytest.mark.parametrize(("document", "reason"), [
    ({"imap": {"listen": ["993"]}}, Setting.NO_ADDRESS),
    ({"web": {"listen": "http://192.0.2.1:80"}}, Setting.WEB_WITHOUT_TLS),
    ({"ledger": {"tsa_url": "https://tsa.example"}}, Setting.STAMP_UNCHECKED),
    ({"database": {"url": "sqlite:///a"}}, Setting.NO_DATABASE_URL),
    *(({"web": {"public_url": text}}, Setting.NO_HTTP_URL) for text in ("foo", "", "https://", "https://[x", "http://a:b")),
    ({"data_dir": ""}, Setting.EMPTY),
    ({"dns": {"servers": ["ns"]}}, Setting.NO_NAME_SERVER),
    ({"upstream": [UPSTREAM | {"auth": "none"}]}, Setting.NO_CHOICE),
    ({"upstream": [UPSTREAM | {"imap": "imap://m"}]}, Setting.WITHOUT_TLS),
    ({"upstream": [UPSTREAM | {"imap": "pop://m"}]}, Setting.NO_ENDPOINT),
    ({"upstream": [UPSTREAM | {"imap": "imaps://m:x"}]}, Setting.NO_PORT),
    ({"upstream": [UPSTREAM, UPSTREAM | {"name": "b"}]}, Setting.DOMAIN_TWICE),
    ({"upstream": [UPSTREAM, UPSTREAM | {"domains": ["y"]}]}, Setting.UPSTREAM_TWICE),
    ({"signing": [{"domain": "ä", "selector": "a", "key_file": "k"}]}, Setting.CHARACTERS),
    ({"signing": [{"domain": "x", "selector": "a", "key_file": "k"}] * 2}, Setting.SIGNED_TWICE),
], ids=lambda each: each.name if isinstance(each, Setting) else "")  # fmt: skip
def test_each_setting_says_its_own(document: dict[str, Any], reason: Setting) -> None:
    """With the file and the key, in German where German is read."""
    with pytest.raises(ConfigError) as raised:
        config.parse(document, Path("postbuch.toml"))
    found = _reason(raised.value)
    assert found.reason == reason.name.lower()
    german = said.told(said.of(raised.value), "de")
    assert german.startswith("postbuch.toml: ") and said.told(found, "de") in german and str(found) not in german


@pytest.mark.parametrize("document", [
    {"database": "mysql://postbuch:geheim@db/postbuch"}, {"database": {"url": ["mysql://postbuch:ge@heim@db/postbuch"]}},
    {"data_dir": ["x" * 1000]},
])  # fmt: skip
def test_what_is_shown_holds_no_password(document: dict[str, Any]) -> None:
    """The sentence goes to the log; and it is short enough to be read."""
    with pytest.raises(ConfigError) as raised:
        config.parse(document, Path("postbuch.toml"))
    assert "heim" not in str(raised.value) and len(str(raised.value)) < 250


@pytest.mark.parametrize(("document", "sentence"), [
    ({"datadir": "x"}, "the key 'datadir' is unknown; did you mean 'data_dir'?"),
    ({"imap": {"listn": []}}, "the key 'imap.listn' is unknown; did you mean 'imap.listen'?"),
    ({"upstream": [{"name": "a", "domain": ["x"]}]},
     "the key 'upstream.0.domain' is unknown; did you mean 'upstream.0.domains'?"),
    ({"imap": {"zzz": 1}}, "the key 'imap.zzz' is unknown; `postbuch config example` lists all keys"),
])  # fmt: skip
def test_a_mistyped_key_is_told_with_the_one_that_is_meant(document: dict[str, Any], sentence: str) -> None:
    """Before it is said that the other one is missing."""
    with pytest.raises(ConfigError) as raised:
        config.parse(document, Path("postbuch.toml"))
    assert str(raised.value) == f"postbuch.toml: {sentence}"
