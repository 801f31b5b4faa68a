"""The list address as a filter and back: the grammar of the seed product's links, and ours. Pure: knows no database.

    q        = "(" cond *( ")(" cond ) ")"         what does not look like it is a search as in query.py
    cond     = field "~" op "~" value1 [ "~" edit-type [ "~" value2 ] ]
    escape   = \\~   \\)(   \\\\                      a lone parenthesis needs none; parts are trimmed
    criteria = and | or                            and is the default
    qs       = text [ "~" field [ "~" op ] ]       words and "phrases", all of which must hold
    orderby  = ("a"|"d") field *( ";" ("a"|"d") field )
    tab, sortby, goto, pagesize, a=showall         as the seed names them; the last one means that q and qs do not count
    within   = as q                                conditions that must all hold
    offset, account, mailbox, unread               numbers, and 1 for what is unread; these and within are ours

Nothing is dropped in silence: what is not understood becomes a warning, and the rest of the address still counts.
Which fields there are says the view (`listview.py`), not the grammar.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from postbuch.archive import percent
from postbuch.archive.filterform import OPS, Condition, Filter, Order, Warned, base_op
from postbuch.archive.writtenvalue import is_relative

# What links out of other programs hold, with room; each condition is at least one look-up in the database.
MAX_CONDITIONS = 50
# As long as a search may be (query.MAX_CHARACTERS): with the rest of an address still below what Excel links allow.
MAX_CHARACTERS = 2_000
# A page of 500 rows is 300 KB of HTML; what is larger is for an export.
MAX_PAGE_SIZE = 500
USUAL_PAGE_SIZE = 50
# 20,000 pages of 50: who goes further by page number wants a filter.
MAX_OFFSET = 1_000_000
MAX_ORDERS = 5

# The arguments that say what a list holds and in which order; the others are a place in it.
ARGUMENTS = ("q", "qs", "within", "criteria", "orderby", "sortby", "a", "account", "mailbox", "tab", "unread")

# What people and other programs write instead.
_OTHER_OPS = {
    "equal": "equals", "notcontains": "notcontain", "notequals": "notequal", "startwith": "startswith",
    "notstartswith": "notstartwith", "endwith": "endswith", "notendswith": "notendwith", "morethanequal": "moreequal",
    "lessthanequal": "lessequal",
}
_LOOKS_LIKE_CONDITIONS = re.compile(r"\s*\(\s*[A-Za-z_][\w .-]*~")
_NUMBER = re.compile(r"[0-9]{1,18}\Z")
_WORD = re.compile(r'"([^"]*)"?|([^\s"]+)')
_FIELD = re.compile(r"[A-Za-z_][\w.-]*\Z")


def parse(arguments: Mapping[str, str], *, usual_page_size: int = USUAL_PAGE_SIZE, is_link: bool = False) -> Filter:
    """The filter of an address, decoded once as any server does it.

    `is_link`: it is one of the seed's own, whose q is never a search. Raises nothing.
    """
    warnings: list[Warned] = []
    show_all = arguments.get("a", "").strip().lower() == "showall"
    q, qs, all_hold = ("" if show_all else arguments.get(name, "").strip() for name in ("q", "qs", "within"))
    conditions: tuple[Condition, ...] = ()
    words = ""
    if q[:3] == "%28":  # Excel and Word encode what is encoded already
        q = unquote(percent.as_utf8(q))
    if is_link or _LOOKS_LIKE_CONDITIONS.match(q):
        conditions = _conditions(q, warnings)
    else:
        words = _within_limit(q, warnings)
    more, within = _words(_within_limit(qs, warnings), warnings)
    criteria = arguments.get("criteria", "").strip().lower()
    if criteria not in ("", "and", "or"):
        warnings.append(Warned(kind="criteria", text=criteria))
    size = _page_size(arguments.get("pagesize", "").strip())
    return Filter(
        conditions=conditions,
        criteria="or" if criteria == "or" else "and",
        words=f"{words} {more}".strip(),
        within=(*within, *_conditions(all_hold, warnings)),
        order=_orders(_within_limit(arguments.get("orderby") or arguments.get("sortby") or "", warnings), warnings),
        tab=_tab(arguments),
        page_size=size,
        offset=_offset(arguments, size or usual_page_size),
        account=_number(arguments.get("account")),
        mailbox=_number(arguments.get("mailbox")),
        warnings=tuple(warnings),
    )


def arguments_of(given: Mapping[str, Any]) -> dict[str, str]:
    """Those of ARGUMENTS that are given, out of a form or a query."""
    return {name: str(given[name]) for name in ARGUMENTS if given.get(name) not in (None, "")}


def write(wanted: Filter) -> dict[str, Any]:
    """The arguments of the address, for url_for. `parse` of them gives the filter back, but for its warnings."""
    found: dict[str, Any] = {}
    if wanted.conditions:
        found["q"] = write_conditions(wanted.conditions)
    if wanted.words:
        own = wanted.conditions or _LOOKS_LIKE_CONDITIONS.match(wanted.words) or wanted.words.startswith("%28")
        found["qs" if own else "q"] = _escape(wanted.words) if own else wanted.words
    if wanted.within and "qs" not in found and _are_words(wanted.within):
        first = wanted.within[0]
        texts = " ".join(
            each.value if split_words(each.value) == [each.value] else f'"{each.value}"' for each in wanted.within
        )
        found["qs"] = f"{_escape(texts)}~{first.field}~{first.op}"
    elif wanted.within:
        found["within"] = write_conditions(wanted.within)
    if wanted.criteria == "or":
        found["criteria"] = "or"
    if wanted.order:
        found["orderby"] = ";".join(f"{'d' if each.descending else 'a'}{each.field}" for each in wanted.order)
    if wanted.account is not None:
        found["account"] = wanted.account
    if wanted.mailbox is not None:
        found["mailbox"] = wanted.mailbox
    if wanted.tab:
        found |= {"unread": 1} if wanted.tab == "unread" else {"tab": wanted.tab}
    if wanted.page_size:
        found["pagesize"] = wanted.page_size
    if wanted.offset:
        found["offset"] = wanted.offset
    return found


def _are_words(within: tuple[Condition, ...]) -> bool:
    """Whether a `qs` can say them: words and phrases in one field."""
    asked = {(each.field, each.op) for each in within}
    sayable = not any('"' in each.value or each.second or not each.value for each in within)
    return len(asked) == 1 and sayable and _takes_words(within[0].op)


def _takes_words(op: str) -> bool:
    """Whether it compares with one text, so that a `qs` can ask for it."""
    return base_op(op)[0] not in ("between", "empty") and not is_relative(op)


def split_words(text: str) -> list[str]:
    """Each word, and each phrase in quotes as one."""
    return [each for phrase, word in _WORD.findall(text) if (each := (phrase or word).strip())]


def write_conditions(conditions: tuple[Condition, ...]) -> str:
    """The `q` of conditions."""
    return "".join(f"({_write(each)})" for each in conditions)


def _write(each: Condition) -> str:
    parts = [each.field, each.op, _escape(each.value)]
    if each.second:
        parts += ["", _escape(each.second)]
    return "~".join(parts)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("~", "\\~").replace(")(", "\\)(")


def _conditions(text: str, warnings: list[Warned]) -> tuple[Condition, ...]:
    """What a `q` says."""
    if not text:
        return ()
    if not text.startswith("("):
        warnings.append(Warned(kind="form", text=text[:80]))
        return ()
    found: list[Condition] = []
    for parts, end in _groups(text):
        if end > MAX_CHARACTERS:
            warnings.append(Warned(kind="long", text=str(MAX_CHARACTERS)))
            break
        made = _condition(parts, warnings)
        if made is None:
            continue
        if len(found) == MAX_CONDITIONS:
            warnings.append(Warned(kind="many", text=str(MAX_CONDITIONS)))
            break
        found.append(made)
    return tuple(found)


def _groups(text: str) -> Iterator[tuple[list[str], int]]:
    """The parts of each condition of a `q`, and where it ends."""
    start = place = 1
    end = len(text)
    while place < end:
        if text[place] == "\\" and text[place + 1 : place + 2] in ("\\", "~"):
            place += 2
        elif text.startswith("\\)(", place):
            place += 3
        elif text.startswith(")(", place):
            yield _parts(text[start:place]), place
            place += 2
            start = place
        else:
            place += 1
    yield _parts(text[start : end - 1 if text.endswith(")") and end > start else end]), end


def _parts(text: str) -> list[str]:
    """The parts between tildes, unescaped and trimmed."""
    parts: list[str] = []
    part: list[str] = []
    place = 0
    while place < len(text):
        character, following = text[place], text[place + 1 : place + 2]
        if character == "\\" and following in ("\\", "~"):
            part.append(following)
            place += 2
        elif text.startswith("\\)(", place):
            part.append(")(")
            place += 3
        elif character == "~":
            parts.append("".join(part).strip())
            part = []
            place += 1
        else:
            part.append(character)
            place += 1
    return [*parts, "".join(part).strip()]


def _condition(parts: list[str], warnings: list[Warned]) -> Condition | None:
    """One condition; None for what is none."""
    if len(parts) < 2:
        return None
    field, written = parts[0], parts[1]
    values = [*parts[2:], "", "", ""]
    value, second = values[0], values[2]
    op = _op(written)
    if not _FIELD.match(field):
        warnings.append(Warned(kind="field", text=field[:80]))
        return None
    if op is None:
        warnings.append(Warned(kind="op", text=written[:80]))
        return None
    if is_relative(op):
        return Condition(field=field, op="moreequal", value=op)
    base, _ = base_op(op)
    if base == "empty":
        return Condition(field=field, op=op)
    if base != "between":
        second = ""
    return Condition(field=field, op=op, value=value, second=second) if value or second else None


def _op(written: str) -> str | None:
    op = re.sub(r"[\s_]+", "", written.lower())
    op = _OTHER_OPS.get(op, op)
    return op if op in OPS or is_relative(op) else None


def _words(text: str, warnings: list[Warned]) -> tuple[str, tuple[Condition, ...]]:
    """What a `qs` says: a search, or words in one field."""
    parts = _parts(text)
    if len(parts) < 2 or not parts[1]:
        return parts[0], ()
    op = _op(parts[2]) if len(parts) > 2 and parts[2] else "contains"
    if not _FIELD.match(parts[1]):
        warnings.append(Warned(kind="field", text=parts[1][:80]))
        return parts[0], ()
    if op is None or not _takes_words(op):
        warnings.append(Warned(kind="op", text=parts[2][:80]))
        return parts[0], ()
    found = [Condition(field=parts[1], op=op, value=each) for each in split_words(parts[0])]
    if len(found) > MAX_CONDITIONS:
        warnings.append(Warned(kind="many", text=str(MAX_CONDITIONS)))
    return "", tuple(found[:MAX_CONDITIONS])


def _within_limit(text: str, warnings: list[Warned]) -> str:
    if len(text) > MAX_CHARACTERS:
        warnings.append(Warned(kind="long", text=str(MAX_CHARACTERS)))
    return text[:MAX_CHARACTERS].strip()


def _orders(text: str, warnings: list[Warned]) -> tuple[Order, ...]:
    found: list[Order] = []
    for each in text.split(";"):
        each = each.strip()
        if not each:
            continue
        if each[0] not in "ad" or not _FIELD.match(each[1:]):
            warnings.append(Warned(kind="order", text=each[:80]))
        elif all(known.field != each[1:] for known in found) and len(found) < MAX_ORDERS:
            found.append(Order(field=each[1:], descending=each[0] == "d"))
    return tuple(found)


def _tab(arguments: Mapping[str, str]) -> str:
    if arguments.get("unread") == "1":
        return "unread"
    return arguments.get("tab", "").strip().lower()[:40]


def _page_size(text: str) -> int:
    if text == "-1":  # the seed's word for all
        return MAX_PAGE_SIZE
    return min(_number(text) or 0, MAX_PAGE_SIZE)


def _offset(arguments: Mapping[str, str], page_size: int) -> int:
    offset = _number(arguments.get("offset"))
    if offset is None:
        offset = (max(_number(arguments.get("goto")) or 1, 1) - 1) * page_size
    return min(offset, MAX_OFFSET)


def _number(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.match(text) else None
