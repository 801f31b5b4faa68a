"""Every text is there in German and English, none is fuzzy, and what is marked in the code is what is translated.

English is what stands in the code; German is the catalogue.
"""

import ast
import io
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from postbuch.cli import language
from postbuch.webmail import actions

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("cli", "webmail")


def _catalogue(folder: str) -> Catalog:
    path = ROOT / folder / "translations" / "de" / "LC_MESSAGES" / "messages.po"
    return read_po(io.BytesIO(path.read_bytes()), locale="de")


def _marked(folder: str) -> set[str]:
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    found = extract_from_dir(ROOT / folder, methods, keywords=_keywords(), directory_filter=_is_ours)
    return {message[0] if isinstance(message, tuple) else message for _, _, message, _, _ in found}


def _is_ours(folder: str) -> bool:
    return Path(folder).name not in ("node_modules", "__pycache__", "static", "translations")


def _keywords() -> dict[str, tuple[int, ...] | None]:
    single = ("_", "_l", "gettext", "lazy_gettext", "translate")
    plural = ("ngettext", "lazy_ngettext", "translate_plural")
    return {**dict.fromkeys(single), **dict.fromkeys(plural, (1, 2))}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_marked_text_is_translated(folder: str) -> None:
    """Nothing missing, nothing empty, nothing fuzzy, nothing that the code no longer says."""
    messages = [message for message in _catalogue(folder) if message.id]
    catalogue = {message.id[0] if isinstance(message.id, tuple) else message.id: message for message in messages}
    marked = _marked(folder)
    assert len(marked) > 50
    assert sorted(marked - set(catalogue)) == []
    assert sorted(set(catalogue) - marked) == []
    strings = {key: message.string for key, message in catalogue.items()}
    assert [key for key, string in strings.items() if not (all(string) if isinstance(string, tuple) else string)] == []
    assert [key for key, message in catalogue.items() if message.fuzzy] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_marked_text_stands_in_an_f_string(folder: str) -> None:
    """There the extractor does not see it, and it stays English."""
    found = [
        f"{path.name}: {ast.unparse(call)}"
        for path in sorted((ROOT / folder).glob("*.py"))
        for text in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _keywords()
    ]  # fmt: skip
    assert found == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_placeholders_survive_translation(folder: str) -> None:
    """`{name}` and `%(name)s` stand in the German text as in the English one."""
    pattern = re.compile(r"\{\w*\}|%\(\w+\)[sd]")
    for message in _catalogue(folder):
        if message.id and isinstance(message.string, str):
            key = message.id if isinstance(message.id, str) else message.id[0]
            assert sorted(pattern.findall(key)) == sorted(pattern.findall(message.string)), key


def test_the_language_follows_the_locale() -> None:
    """LC_ALL before LC_MESSAGES before LANG; LANGUAGE first when a locale is set; C means English."""
    assert language.choose({"LANG": "de_DE.UTF-8"}) == "de"
    assert language.choose({"LANG": "de_AT.UTF-8", "LC_ALL": "en_GB.UTF-8"}) == "en"
    assert language.choose({"LANG": "en_US.UTF-8", "LANGUAGE": "de:en"}) == "de"
    assert language.choose({"LANG": "C.UTF-8", "LANGUAGE": "de"}) == "en"
    assert language.choose({"LANG": "fr_FR.UTF-8"}) == "en"
    assert language.choose({}) == "en"


# One thing has one name in German: what stands on the left is the pages' word for what stands on the right elsewhere.
ONE_NAME = {"Anhang": "Anlage", "Hauptbuch": "Prüfbuch", "Nachweis": "Beweis "}


def test_one_thing_has_one_name() -> None:
    """The word of one page is the word of all."""
    strings = [message.string for message in _catalogue("webmail") if message.id]
    texts = [text for each in strings for text in ([each] if isinstance(each, str) else each or [])]
    found = {other: text for other in ONE_NAME.values() for text in texts if other in text}
    assert found == {}


def test_the_audit_log_says_what_was_done_in_one_form() -> None:
    """Each name of an action ends in what was done (“Brief geöffnet”): no sentences among them."""
    catalogue = _catalogue("webmail")
    names = []
    for name in actions.NAMES.values():
        message = catalogue.get(str(name))
        assert message is not None
        names.append(str(message.string))
    assert [name for name in names if not re.search(r"(t|en)\Z", name) or name.startswith("hat ")] == []


def test_whatever_the_pages_record_has_a_name() -> None:
    """The audit log would show `media-view` where it says what was done."""
    recorded = {
        each.value
        for path in (ROOT / "webmail").glob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "on_record"
        for each in ast.walk(call.args[1])
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }
    assert len(recorded) > 30
    assert sorted(recorded - set(actions.NAMES)) == []
