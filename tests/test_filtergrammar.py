"""The grammar of list addresses: every vector of the design, many more, and a round trip of anything."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postbuch.archive.filterform import NEGATIVE, OPS, POSITIVE, Condition, Filter, Order, Warned, base_op
from postbuch.archive.filtergrammar import MAX_CHARACTERS, MAX_CONDITIONS, arguments_of, parse, write

# What a q says: (field, op, value[, second]) of each condition.
DESIGN: list[tuple[str, list[tuple[str, ...]]]] = [
    (r"(a~contains~x\~y)", [("a", "contains", "x~y")]),
    (r"(a~contains~x\\)(b~equals~2)", [("a", "contains", "x\\"), ("b", "equals", "2")]),
    ("(a~contains~f(x) g)", [("a", "contains", "f(x) g")]),
    ("(a)", []),
    ("(from_email~equals~test@test.de)", [("from_email", "equals", "test@test.de")]),
    ("(a~between~2026-01-01~date11~2026-01-31)", [("a", "between", "2026-01-01", "2026-01-31")]),
]
MORE: list[tuple[str, list[tuple[str, ...]]]] = [
    ("", []),
    ("()", []),
    ("(", []),
    (")", []),
    ("()()", []),
    ("(~~)", []),
    ("(a~)", []),
    ("(~contains~x)", []),
    ("(a~contains)", []),
    ("(a~contains~)", []),
    ("(a~equals~ )", []),
    ("(a~contains~x", [("a", "contains", "x")]),
    ("(a~contains~x)(b~equals~2", [("a", "contains", "x"), ("b", "equals", "2")]),
    ("(a)(b~equals~2)", [("b", "equals", "2")]),
    ("(b~equals~2)(a)", [("b", "equals", "2")]),
    ("()(b~equals~2)()", [("b", "equals", "2")]),
    ("(a~contains~)(b~equals~2)", [("b", "equals", "2")]),
    (" (a~contains~x) ", [("a", "contains", "x")]),
    ("( a ~ contains ~ x )", [("a", "contains", "x")]),
    ("(a~contains~  two words  )", [("a", "contains", "two words")]),
    ("(a~CONTAINS~x)", [("a", "contains", "x")]),
    ("(a~Starts with~x)", [("a", "startswith", "x")]),
    ("(a~starts_with~x)", [("a", "startswith", "x")]),
    ("(a~more than~5)", [("a", "morethan", "5")]),
    ("(a~not contain~x)", [("a", "notcontain", "x")]),
    ("(a~notcontains~x)", [("a", "notcontain", "x")]),
    ("(a~notequals~x)", [("a", "notequal", "x")]),
    ("(a~notstartswith~x)", [("a", "notstartwith", "x")]),
    ("(a~equal~x)", [("a", "equals", "x")]),
    ("(a.b~equals~x)", [("a.b", "equals", "x")]),
    ("(a_b-c~equals~x)", [("a_b-c", "equals", "x")]),
    ("(A~equals~X)", [("A", "equals", "X")]),
    ("(a~contains~(x)", [("a", "contains", "(x")]),
    ("(a~contains~x()", [("a", "contains", "x(")]),
    ("(a~contains~(x))", [("a", "contains", "(x)")]),
    ("(a~contains~f(x))(b~empty)", [("a", "contains", "f(x)"), ("b", "empty", "")]),
    ("(a~contains~((x)))", [("a", "contains", "((x))")]),
    (r"(a~contains~x\)(y)", [("a", "contains", "x)(y")]),
    (r"(a~contains~x\)(y)(b~equals~2)", [("a", "contains", "x)(y"), ("b", "equals", "2")]),
    (r"(a~contains~\)()", [("a", "contains", ")(")]),
    (r"(a~contains~\~)", [("a", "contains", "~")]),
    (r"(a~contains~\~\~)", [("a", "contains", "~~")]),
    (r"(a~contains~\\)", [("a", "contains", "\\")]),
    (r"(a~contains~\\\\)", [("a", "contains", "\\\\")]),
    (r"(a~contains~\\\~)", [("a", "contains", r"\~")]),
    (r"(a~contains~C:\temp)", [("a", "contains", r"C:\temp")]),
    (r"(a~contains~x\)", [("a", "contains", "x\\")]),
    (r"(a~contains~x\\~y)", [("a", "contains", "x\\")]),
    (r"(a~contains~\\)(b~equals~\\)", [("a", "contains", "\\"), ("b", "equals", "\\")]),
    (r"(a~contains~\\\)(x)", [("a", "contains", "\\)(x")]),
    ("(a~empty)", [("a", "empty", "")]),
    ("(a~empty~)", [("a", "empty", "")]),
    ("(a~empty~x)", [("a", "empty", "")]),
    ("(a~notempty)", [("a", "notempty", "")]),
    ("(a~between~1~~2)", [("a", "between", "1", "2")]),
    ("(a~between~1~date11~2)", [("a", "between", "1", "2")]),
    ("(a~between~~date11~2)", [("a", "between", "", "2")]),
    ("(a~between~1~date11~)", [("a", "between", "1")]),
    ("(a~between~1~date11)", [("a", "between", "1")]),
    ("(a~between~1)", [("a", "between", "1")]),
    ("(a~between~~date11~)", []),
    ("(a~between)", []),
    ("(a~notbetween~1~~2)", [("a", "notbetween", "1", "2")]),
    ("(a~contains~x~edit~y)", [("a", "contains", "x")]),
    ("(a~contains~x~edit~y~z~zz)", [("a", "contains", "x")]),
    ("(a~contains~~edit~y)", []),
    ("(a~in~1,2;3)", [("a", "in", "1,2;3")]),
    ("(a~endswith~x)", [("a", "endswith", "x")]),
    ("(maildate~today-7d)", [("maildate", "moreequal", "today-7d")]),
    ("(maildate~today)", [("maildate", "moreequal", "today")]),
    ("(maildate~Yesterday)", [("maildate", "moreequal", "yesterday")]),
    ("(maildate~Today-30D~)", [("maildate", "moreequal", "today-30d")]),
    ("(maildate~equals~today-7d)", [("maildate", "equals", "today-7d")]),
    ("(a~contains~ä ö ü ß € 😀)", [("a", "contains", "ä ö ü ß € 😀")]),
    ("(a~contains~x&y=z?#/%25)", [("a", "contains", "x&y=z?#/%25")]),
    ("(a~contains~\"q\")", [("a", "contains", '"q"')]),
    ("(a~contains~100%)", [("a", "contains", "100%")]),
    ("(a~contains~a_b)", [("a", "contains", "a_b")]),
    ("(a~contains~<script>)", [("a", "contains", "<script>")]),
    ("(a~contains~'; DROP TABLE letter; --)", [("a", "contains", "'; DROP TABLE letter; --")]),
    ("(a~contains~x\ny)", [("a", "contains", "x\ny")]),
    ("(a~contains~x)(a~contains~y)", [("a", "contains", "x"), ("a", "contains", "y")]),
    ("(a~contains~x)(a~contains~x)", [("a", "contains", "x"), ("a", "contains", "x")]),
]
for each_op in OPS:
    if base_op(each_op)[0] != "empty":
        MORE.append((f"(a~{each_op}~5)", [("a", each_op, "5")]))
        MORE.append((f"(f~{each_op.upper()}~v)(g~{each_op}~w)", [("f", each_op, "v"), ("g", each_op, "w")]))


@pytest.mark.parametrize(("text", "expected"), DESIGN + MORE)
def test_conditions(text: str, expected: list[tuple[str, ...]]) -> None:
    """Raw, and decoded once from its percent-encoded form: the same conditions."""
    wanted = tuple(
        Condition(field=each[0], op=each[1], value=each[2], second=each[3] if len(each) > 3 else "")
        for each in expected
    )
    assert parse({"q": text}, is_link=True).conditions == wanted
    encoded = f"q={quote(text, safe='')}"
    assert parse(dict(parse_qsl(encoded, keep_blank_values=True)), is_link=True).conditions == wanted
    # What is written again, in whatever form, means the same.
    again = parse({key: str(value) for key, value in write(Filter(conditions=wanted)).items()})
    assert again.conditions == wanted


@pytest.mark.parametrize(("arguments", "warned"), [
    ({"q": "(a~nosuch~1)"}, [("op", "nosuch")]),
    ({"q": "(a~nosuch~1)(b~equals~2)"}, [("op", "nosuch")]),
    ({"q": "(a b!~equals~1)"}, [("field", "a b!")]),
    ({"q": "(1a~equals~1)"}, [("field", "1a")]),
    ({"q": "(~equals~1)"}, [("field", "")]),
    ({"q": "a~equals~1"}, [("form", "a~equals~1")]),
    ({"q": "(a~Starts with~x)"}, []),
    ({"q": "(a~~x)"}, [("op", "")]),
    ({"q": "(a~todayish)"}, [("op", "todayish")]),
    ({"q": "(a)"}, []),
    ({"q": "(a~contains~)"}, []),
    ({"criteria": "xor"}, [("criteria", "xor")]),
    ({"criteria": "AND"}, []),
    ({"orderby": "xmaildate"}, [("order", "xmaildate")]),
    ({"orderby": "d"}, [("order", "d")]),
    ({"orderby": "dmail date"}, [("order", "dmail date")]),
    ({"orderby": "dmaildate;;asubject"}, []),
    ({"qs": "x~subject~nosuch"}, [("op", "nosuch")]),
    ({"qs": "x~subject~between"}, [("op", "between")]),
    ({"qs": "x~sub ject"}, [("field", "sub ject")]),
])
def test_what_is_not_understood_is_said(arguments: dict[str, str], warned: list[tuple[str, str]]) -> None:
    """A warning for each, never silence, and what is understood still counts."""
    found = parse(arguments, is_link=True)
    assert [(each.kind, each.text) for each in found.warnings] == warned
    if "(b~" in arguments.get("q", ""):
        assert found.conditions == (Condition(field="b", op="equals", value="2"),)


@pytest.mark.parametrize(("arguments", "expected"), [
    ({}, {}),
    ({"criteria": "or"}, {"criteria": "or"}),
    ({"criteria": " OR "}, {"criteria": "or"}),
    ({"criteria": "and"}, {}),
    ({"tab": "read"}, {"tab": "read"}),
    ({"tab": " Unread "}, {"tab": "unread"}),
    ({"unread": "1"}, {"tab": "unread"}),
    ({"unread": "0"}, {}),
    ({"orderby": "dmaildate"}, {"order": (Order(field="maildate", descending=True),)}),
    ({"sortby": "asubject"}, {"order": (Order(field="subject"),)}),
    ({"orderby": "dmaildate", "sortby": "asubject"}, {"order": (Order(field="maildate", descending=True),)}),
    ({"orderby": "dmaildate;asubject"}, {"order": (Order(field="maildate", descending=True), Order(field="subject"))}),
    ({"orderby": " dmaildate ; asubject "},
     {"order": (Order(field="maildate", descending=True), Order(field="subject"))}),
    ({"orderby": "dx;ax"}, {"order": (Order(field="x", descending=True),)}),
    ({"orderby": ";".join(f"af{each}" for each in range(9))},
     {"order": tuple(Order(field=f"f{each}") for each in range(5))}),
    ({"pagesize": "100"}, {"page_size": 100}),
    ({"pagesize": "-1"}, {"page_size": 500}),
    ({"pagesize": "99999"}, {"page_size": 500}),
    ({"pagesize": "x"}, {}),
    ({"pagesize": "0"}, {}),
    ({"goto": "1"}, {}),
    ({"goto": "3"}, {"offset": 100}),
    ({"goto": "3", "pagesize": "20"}, {"offset": 40, "page_size": 20}),
    ({"goto": "0"}, {}),
    ({"goto": "-4"}, {}),
    ({"goto": "999999999999"}, {"offset": 1_000_000}),
    ({"offset": "70"}, {"offset": 70}),
    ({"offset": "70", "goto": "9"}, {"offset": 70}),
    ({"offset": "9" * 30}, {}),
    ({"account": "3", "mailbox": "0"}, {"account": 3, "mailbox": 0}),
    ({"account": "x", "mailbox": "-1"}, {}),
    ({"a": "showall", "q": "(a~equals~1)", "qs": "x", "within": "(a~equals~1)"}, {}),
    ({"a": "ShowAll", "tab": "unread"}, {"tab": "unread"}),
    ({"qs": "x~subject", "within": "(id~morethan~5)(from~contains~y)"}, {"within": (
        Condition(field="subject", op="contains", value="x"), Condition(field="id", op="morethan", value="5"),
        Condition(field="from", op="contains", value="y"),
    )}),
    ({"qs": "words", "within": "(id~lessthan~9)"}, {
        "words": "words", "within": (Condition(field="id", op="lessthan", value="9"),)
    }),
    ({"a": "search"}, {}),
    ({"qs": "word"}, {"words": "word"}),
    ({"qs": 'one "two three"'}, {"words": 'one "two three"'}),
    ({"qs": "(a OR b)"}, {"words": "(a OR b)"}),
    ({"qs": "x~subject"}, {"within": (Condition(field="subject", op="contains", value="x"),)}),
    ({"qs": "x~subject~"}, {"within": (Condition(field="subject", op="contains", value="x"),)}),
    ({"qs": 'x "y z"~subject~equals'}, {"within": (Condition(field="subject", op="equals", value="x"),
                                                   Condition(field="subject", op="equals", value="y z"))}),
    ({"qs": r"a\~b~subject"}, {"within": (Condition(field="subject", op="contains", value="a~b"),)}),
    ({"qs": r"a\~b"}, {"words": "a~b"}),
    ({"qs": "x~"}, {"words": "x"}),
    ({"q": "from:anna -x"}, {"words": "from:anna -x"}),
    ({"q": "(a OR b) c"}, {"words": "(a OR b) c"}),
    ({"q": "(a)"}, {"words": "(a)"}),
    ({"q": "one", "qs": "two"}, {"words": "one two"}),
    ({"q": "(a~equals~1)", "qs": "two"}, {"conditions": (Condition(field="a", op="equals", value="1"),),
                                          "words": "two"}),
    ({"q": "%28a~equals~1%29"}, {"conditions": (Condition(field="a", op="equals", value="1"),)}),
    ({"q": "%28a~equals~x%40y.de%29%28b~empty%29"}, {"conditions": (
        Condition(field="a", op="equals", value="x@y.de"), Condition(field="b", op="empty"))}),
])  # fmt: skip
def test_the_other_arguments(arguments: dict[str, str], expected: dict[str, Any]) -> None:
    """Each as the seed names it; what makes no sense counts as not said. Written again, it is the same filter."""
    found = parse(arguments)
    assert found == replace(Filter(), **expected)
    assert parse({key: str(value) for key, value in write(found).items()}) == found


def test_the_link_of_the_seed() -> None:
    """As it stands in the design, raw and percent-encoded."""
    wanted = Filter(
        conditions=(Condition(field="from_email", op="equals", value="test@test.de"),), tab="read",
        order=(Order(field="maildate", descending=True),),
    )
    for text in ("q=%28from_email~equals~test%40test.de%29&tab=read&orderby=dmaildate",
                 "q=(from_email~equals~test@test.de)&tab=read&orderby=dmaildate"):
        assert parse(dict(parse_qsl(text)), is_link=True) == wanted


def test_there_are_limits() -> None:
    """50 conditions and 2,000 characters; what is beyond is left out and said."""
    many = parse({"q": "".join(f"(f{each}~equals~1)" for each in range(60))}, is_link=True)
    assert len(many.conditions) == MAX_CONDITIONS
    assert many.warnings == (Warned(kind="many", text="50"),)
    long = parse({"q": f"(a~equals~1)(b~contains~{'x' * MAX_CHARACTERS})(c~equals~1)"}, is_link=True)
    assert [each.field for each in long.conditions] == ["a"]
    assert long.warnings == (Warned(kind="long", text="2000"),)
    words = parse({"q": "x" * 3_000})
    assert (len(words.words), words.warnings) == (2_000, (Warned(kind="long", text="2000"),))
    orders = parse({"orderby": "?;" * MAX_CHARACTERS})  # each warning is a part of the page
    assert (orders.warnings[0].kind, len(orders.warnings)) == ("long", 1 + MAX_CHARACTERS // 2)


def test_each_negative_has_its_positive() -> None:
    """No comparison without its meaning."""
    assert set(NEGATIVE.values()) <= set(POSITIVE)
    assert len(set(OPS)) == len(POSITIVE) + len(NEGATIVE)
    assert len(DESIGN + MORE) >= 110


_field = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,12}", fullmatch=True)
_awkward = st.text(st.sampled_from(r"\~() ab%28_&=?#ä😀'" + '"\t\x1f\xa0\u2028'), max_size=12)
_value = st.one_of(_awkward, st.text(max_size=20)).map(str.strip)


@st.composite
def _condition(draw: st.DrawFn) -> Condition:
    op = draw(st.sampled_from(OPS))
    base, _ = base_op(op)
    value, second = draw(_value), draw(_value)
    if base == "empty":
        return Condition(field=draw(_field), op=op)
    if base != "between":
        second = ""
    return Condition(field=draw(_field), op=op, value=value or ("" if second else "x"), second=second)


@st.composite
def _filter(draw: st.DrawFn) -> Filter:
    conditions = tuple(draw(st.lists(_condition(), max_size=6)))
    word = st.text(st.sampled_from("ab~\\()ä_% \t\x1f\xa0"), min_size=1, max_size=8).map(str.strip).filter(bool)
    field, op = draw(_field), draw(st.sampled_from(["contains", "equals", "notequal", "in"]))
    words_within = st.lists(word, max_size=3).map(
        lambda words: [Condition(field=field, op=op, value=each) for each in words]
    )
    within = tuple(draw(st.one_of(words_within, st.lists(_condition(), max_size=3))))
    fields = draw(st.lists(_field, max_size=3, unique=True))
    return Filter(
        conditions=conditions, criteria=draw(st.sampled_from(["and", "or"])), within=within,
        words=draw(_awkward).strip(),
        order=tuple(Order(field=each, descending=draw(st.booleans())) for each in fields),
        tab=draw(st.sampled_from(["", "in", "unread", "nosuch"])), page_size=draw(st.integers(0, 500)),
        offset=draw(st.integers(0, 1_000_000)), account=draw(st.none() | st.integers(0, 10**17)),
        mailbox=draw(st.none() | st.integers(0, 10**17)),
    )


@given(_filter())
@example(Filter(within=(Condition(field="subject", op="contains", value="0\x1f0"),)))
@example(Filter(within=(Condition(field="date", op="between", value="today-7d"),)))
def test_what_is_written_is_read_again(wanted: Filter) -> None:
    """Any filter through an address, as a browser carries it."""
    address = urlencode(write(wanted))
    assert parse(dict(parse_qsl(address, keep_blank_values=True))) == wanted


@given(st.dictionaries(
    st.sampled_from([
        "q", "qs", "within", "criteria", "orderby", "sortby", "goto", "pagesize", "a", "tab", "account", "mailbox",
        "unread", "offset",
    ]),
    st.one_of(st.text(max_size=80), st.text(st.sampled_from(r"()~\ad;19 contains"), max_size=60)),
))
def test_any_address_is_read_and_stays_what_it_is(arguments: dict[str, str]) -> None:
    """Nothing makes the reader fail; and what it read is written and read without a change."""
    for is_link in (False, True):
        found = parse(arguments, is_link=is_link)
        once = parse({key: str(value) for key, value in write(found).items()})
        assert replace(once, warnings=()) == replace(found, warnings=())
        # What an export or a program takes out of it is the same list, from its beginning.
        assert parse(arguments_of(arguments), is_link=is_link) == replace(found, page_size=0, offset=0)
