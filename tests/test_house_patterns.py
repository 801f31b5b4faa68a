"""No pattern says possessive what Python 3.11.2, that of Debian 12, gets wrong.

There a possessive repeat of more than one sign does not come back to where its last, vain try began (mended in 3.11.5,
https://github.com/python/cpython/issues/106052): `(?:[^a]|a(?!b))*+` takes the `ab` of `xab`. In an atomic group,
`(?>(?:[^a]|a(?!b))*)`, it is right in every version.
"""

import importlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
constants: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")
_ONE_SIGN = {constants.LITERAL, constants.NOT_LITERAL, constants.IN, constants.ANY}


def repeats(parsed: Iterable[tuple[Any, Any]]) -> Iterator[Any]:
    """What is repeated possessively, as lists of the parser's (operation, argument)."""
    for operation, argument in parsed:
        if operation is constants.POSSESSIVE_REPEAT:
            yield list(argument[2])
        for each in argument if isinstance(argument, tuple | list) else (argument,):
            for inner in each if isinstance(each, list) else (each,):
                if isinstance(inner, parser.SubPattern):
                    yield from repeats(inner)


def patterns(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from patterns(list(value.values()))
    elif isinstance(value, tuple | list | set | frozenset):
        for each in value:
            yield from patterns(each)


def wrong(pattern: re.Pattern[Any]) -> list[Any]:
    return [
        each for each in repeats(parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG))
        if len(each) != 1 or each[0][0] not in _ONE_SIGN
    ]


@pytest.mark.parametrize("package", ["archive", "certs", "cli", "proxy", "rules", "webmail"])
def test_of_one_sign(package: str) -> None:
    """Each pattern of each module, also those in tuples and dicts."""
    names = [path.stem for path in sorted((ROOT / package).glob("*.py")) if path.stem != "__init__"]
    modules = [importlib.import_module(f"postbuch.{package}.{name}") for name in names]
    found = {
        (module.__name__, each.pattern)
        for module in modules for value in vars(module).values() for each in patterns(value) if wrong(each)
    }
    assert found == set()


@pytest.mark.parametrize(("text", "is_wrong"), [
    (r"(?:[^a]|a(?!b))*+", True), (r"x(?:ab?c)?+y", True), (r"(?P<n>(?:ab){1,2}+)|c", True),
    (r"(?>(?:a|b++c)*+)", True), (r"(?=(?:ab)*+)", True), (r"(?>(?:[^a]|a(?!b))*)", False), (r"[^a]*+.?+\d++", False),
])
def test_what_is_found(text: str, is_wrong: bool) -> None:
    assert bool(wrong(re.compile(text))) is is_wrong
