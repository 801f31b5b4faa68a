"""What is wrong with a search or a call: each sentence has its reason, and its German where German is read."""

import ast
from pathlib import Path

import pytest

from postbuch.archive import errors, export_list, query, said
from postbuch.archive.errors import PostbuchError, UsageError
from postbuch.archive.said import Named, Said
from postbuch.archive.wrong import Mistake, Wrong

ROOT = Path(__file__).resolve().parent.parent
ARCHIVE = ROOT / "archive"
SEARCHES = {
    "a OR": (Mistake.NO_WORD, Mistake.AT_END), "OR a": (Mistake.NO_WORD, Mistake.AT_CHARACTER),
    "()": (Mistake.NO_WORD, Mistake.AT_CHARACTER), "(": (Mistake.NO_WORD, Mistake.AT_END),
    ")": (Mistake.NO_WORD, Mistake.AT_CHARACTER), "a)": (Mistake.NO_OPENING, Mistake.AT_CHARACTER),
    "(a": (Mistake.NO_CLOSING, Mistake.AT_CHARACTER), "a " * 101: (Mistake.TOO_MANY_WORDS,),
    "a" * 2001: (Mistake.TOO_LONG,), "has:wings": (Mistake.NO_FLAG,), "before:neulich": (Mistake.NO_DATE,),
    "larger:viel": (Mistake.NO_SIZE,), "from:": (Mistake.NO_VALUE,),
}


@pytest.mark.parametrize("text", SEARCHES, ids=lambda text: text[:20])
def test_every_mistake_in_a_search_has_its_german(text: str) -> None:
    """As it is raised."""
    with pytest.raises(UsageError) as raised:
        query.parse(text)
    sentence = said.of(raised.value)
    reason, *places = SEARCHES[text]
    assert isinstance(sentence, Said) and sentence.reason == reason.name.lower()
    assert [each.reason for each in sentence.details.values() if isinstance(each, Said)] == [
        place.name.lower() for place in places
    ]
    german = said.told(sentence, "de")
    assert "search" not in german and "needs" not in german and " at " not in german


def test_no_other_mistake_is_made_in_a_search() -> None:
    """A new sentence of the parser must be raised above."""
    raised = {each.attr for each in ast.walk(ast.parse((ARCHIVE / "query.py").read_text(encoding="utf-8")))
              if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "Mistake"}
    assert raised == {reason.name for reasons in SEARCHES.values() for reason in reasons}


def test_every_error_has_a_reason() -> None:
    """None is raised as mere text, which nobody could translate; the command line says its own in the catalogue's."""
    kinds = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, PostbuchError)}
    found = []
    packages = (ROOT / name for name in ("archive", "certs", "proxy", "rules", "webmail"))
    for path in sorted(path for package in packages for path in package.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                kind, what = node.exc.func, node.exc.args[0]
                is_ours = getattr(kind, "id", getattr(kind, "attr", "")) in kinds
                if is_ours and isinstance(what, ast.Constant | ast.JoinedStr | ast.BinOp):
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize(("form", "view", "columns", "reason"), [
    ("pdf", "letters", (), Wrong.NO_FORMAT), ("csv", "wishes", (), Wrong.NO_LIST),
    ("zip", "topics", (), Wrong.NO_MESSAGES_OF), ("csv", "letters", ("quatsch",), Wrong.NO_COLUMN),
])  # fmt: skip
def test_what_an_export_lacks_has_its_reason(
    form: str, view: str, columns: tuple[str, ...], reason: Named
) -> None:
    """Each sentence of an export that is asked for wrongly."""
    with pytest.raises(UsageError) as raised:
        export_list.ask(form, view, {}, columns, str)
    sentence = said.of(raised.value)
    assert isinstance(sentence, Said) and sentence.reason == reason.name.lower()
