"""The query words become a tree; what cannot be understood is refused with its place; nothing else ever happens."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive import clock
from postbuch.archive.errors import UsageError
from postbuch.archive.query import Group, Node, Not, Word, parse


def word(text: str, field: str = "") -> Word:
    """One condition."""
    return Word(field=field, text=text)


def phrase(text: str, field: str = "") -> Word:
    """One that is meant as it is spelled."""
    return Word(field=field, text=text, kind="phrase")


def prefix(text: str, field: str = "") -> Word:
    """The beginning of one."""
    return Word(field=field, text=text, kind="prefix")


def every(*nodes: Node) -> Group:
    """All of them."""
    return Group(kind="and", nodes=nodes)


def either(*nodes: Node) -> Group:
    """At least one of them."""
    return Group(kind="or", nodes=nodes)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", every()),
        ("   ", every()),
        ("Rechnung", word("Rechnung")),
        ("Rechnung Müller", every(word("Rechnung"), word("Müller"))),
        ("+49 (0)89 / 123-456", either(word("089123456"), phrase("+49 (0)89 / 123-456"))),
        ("Tel (089) 123456", every(word("Tel"), either(word("089123456"), phrase("(089) 123456")))),
        ("(0815 2026) x", every(
            either(word("08152026"), every(*(Word(field="", text=each, closes=False) for each in ("0815", "2026")))),
            word("x"),
        )),
        ("01 23 45 67 89", either(word("0123456789"), phrase("01 23 45 67 89"))),
        ("4711 0815", every(word("4711"), word("0815"))), ("5 kg", every(word("5"), word("kg"))),
        ("zu 100 €", every(word("zu"), word("100 €"))), ("§ 15 BGB", every(word("§ 15"), word("BGB"))),
        ("5 - 3", every(word("5"), word("-"), word("3"))),
        ("089 -123456", every(word("089"), Not(node=word("123456")))),
        ("Rechnung AND Müller", every(word("Rechnung"), word("Müller"))),
        ('"offene Rechnung"', phrase("offene Rechnung")),
        ('"bis zum Ende', phrase("bis zum Ende")),
        ("-Werbung", Not(node=word("Werbung"))),
        ('-"viel Werbung"', Not(node=phrase("viel Werbung"))),
        ("-from:spam", Not(node=word("spam", "from"))),
        ("-(a b)", Not(node=every(word("a"), word("b")))),
        ("a OR b", either(word("a"), word("b"))),
        ("a b OR c", either(every(word("a"), word("b")), word("c"))),
        ("a (b OR c)", every(word("a"), either(word("b"), word("c")))),
        ("((a))", word("a")),
        ("or and", every(word("or"), word("and"))),
        ("from:anna@x.example", word("anna@x.example", "from")),
        ("FROM:Anna", word("Anna", "from")),
        ('subject:"offene Rechnung"', phrase("offene Rechnung", "subject")),
        ("filename:a.pdf attachment:b", every(word("a.pdf", "filename"), word("b", "attachment"))),
        ("has:attachment", word("attachment", "has")),
        ("is:UNREAD", word("unread", "is")),
        ("before:2026-01-31", word("2026-01-31", "before")),
        ("on:31.01.2026", word("2026-01-31", "on")),
        ("after:today-7d", word((clock.today() - timedelta(days=7)).isoformat(), "after")),
        ("on:2026/01/31", word("2026-01-31", "on")),
        ("on:yesterday", word((clock.today() - timedelta(days=1)).isoformat(), "on")),
        ("larger:2m", word(str(2 * 1024 * 1024), "larger")),
        ("smaller:500kb", word("512000", "smaller")),
        ("http://x.example/a?b", word("http://x.example/a?b")),
        ("10:30", word("10:30")),
        ("50%_", word("50%_")),
        ("rech*", prefix("rech")),
        ("subject:rech*", prefix("rech", "subject")),
        ('"offene rech*"', prefix("offene rech")),
        ('"Rechnung"', phrase("Rechnung")),
        ("*", word("*")),
        ("a*b", word("a*b")),
        ("E-Mail", word("E-Mail")),
        ("a - b", every(word("a"), word("-"), word("b"))),
    ],
)
def test_words(text: str, tree: Node) -> None:
    """Each form of the language."""
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(a", "'(' without its ')' at character 1"),
        ("a (b OR (c)", "'(' without its ')' at character 3"),
        ("a) b", "')' without its '(' at character 2"),
        ("a OR", "lacks a word at its end"),
        ("OR a", "lacks a word at character 1"),
        ("a ()", "lacks a word at character 4"),
        ("subject:", "nothing behind 'subject:'"),
        ("subject: x", "nothing behind 'subject:'"),
        ("is:new", "'is:new' is not known"),
        ("has:fun", "'has:fun' is not known"),
        ("before:soon", "'before:soon' needs a date"),
        ("on:2026-13-01", "'on:2026-13-01' needs a date"),
        ("before:9999-12-31", "'before:9999-12-31' needs a date"),
        ("after:31.12.9999", "'after:31.12.9999' needs a date"),
        ("larger:big", "'larger:big' needs a size"),
        ("x" * 2001, "more than 2000 characters"),
        ("x " * 200, "more than 50 words"),
        ("(" * 200, "more than 50 words"),
        ("after:today-99999d", None),
    ],
)
def test_not_understood(text: str, words: str | None) -> None:
    """A sentence that names the place. A day long ago is none of these."""
    if words is None:
        assert isinstance(parse(text), Word)
        return
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert words in str(caught.value)


@given(st.one_of(st.text(), st.text(alphabet="ab ()\"-:OR\tsubjectfromis")))
def test_anything(text: str) -> None:
    """A tree or a UsageError, for every text."""
    try:
        parse(text)
    except UsageError as error:
        assert "\n" not in str(error).replace(text, "")
