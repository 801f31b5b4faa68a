"""What the fields, comparisons, warnings and mistakes of a list are called, in the reader's language."""

from typing import Any

from postbuch.archive import said
from postbuch.archive.errors import UsageError
from postbuch.archive.filterform import Condition, Warned, base_op
from postbuch.archive.listcolumn import TRUE, fits
from postbuch.archive.listview import View
from postbuch.webmail.language import gettext, language, lazy_gettext

# The titles of columns, which the archive says in English; a test holds each column to an entry.
TITLES = {
    "From": lazy_gettext("From"), "To": lazy_gettext("To"), "Cc": lazy_gettext("Cc"),
    "Subject": lazy_gettext("Subject"), "First words": lazy_gettext("First words"), "Text": lazy_gettext("Text"),
    "Account": lazy_gettext("Account"), "Mailbox": lazy_gettext("Mailbox"), "Attachments": lazy_gettext("Attachments"),
    "File names": lazy_gettext("File names"), "Size": lazy_gettext("Size"), "Unread": lazy_gettext("Unread"),
    "Date": lazy_gettext("Date"), "Date header": lazy_gettext("Date header"), "Archived": lazy_gettext("Archived"),
    "Message-ID": lazy_gettext("Message-ID"), "Number": lazy_gettext("Number"), "People": lazy_gettext("People"),
    "Letters": lazy_gettext("Letters"), "First letter": lazy_gettext("First letter"),
    "Name": lazy_gettext("Name"), "Kind": lazy_gettext("Kind"), "First": lazy_gettext("First"),
    "Last": lazy_gettext("Last"), "Media type": lazy_gettext("Media type"), "Address": lazy_gettext("Address"),
    "Domain": lazy_gettext("Domain"), "Received": lazy_gettext("Received"), "Sent to": lazy_gettext("Sent to"),
}  # fmt: skip

# What a tab shows; one that shows everything has no entry.
TABS = {
    "unread": lazy_gettext("Unread"), "read": lazy_gettext("Read"), "in": lazy_gettext("Incoming"),
    "out": lazy_gettext("Outgoing"),
}  # fmt: skip

# Each comparison as it stands between a field and a value.
OPS = {
    "contains": lazy_gettext("contains"), "equals": lazy_gettext("is"), "startswith": lazy_gettext("begins with"),
    "endswith": lazy_gettext("ends with"), "morethan": lazy_gettext("is more than"),
    "lessthan": lazy_gettext("is less than"), "moreequal": lazy_gettext("is at least"),
    "lessequal": lazy_gettext("is at most"), "between": lazy_gettext("is between"), "empty": lazy_gettext("is empty"),
    "in": lazy_gettext("is one of"), "notcontain": lazy_gettext("does not contain"),
    "notequal": lazy_gettext("is not"), "notstartwith": lazy_gettext("does not begin with"),
    "notendwith": lazy_gettext("does not end with"), "notmorethan": lazy_gettext("is not more than"),
    "notlessthan": lazy_gettext("is not less than"), "notbetween": lazy_gettext("is not between"),
    "notempty": lazy_gettext("is not empty"), "notin": lazy_gettext("is none of"),
}
_TIME_OPS = {
    "equals": lazy_gettext("on"), "morethan": lazy_gettext("after"), "lessthan": lazy_gettext("before"),
    "moreequal": lazy_gettext("since"), "lessequal": lazy_gettext("until"), "between": lazy_gettext("between"),
    "notequal": lazy_gettext("not on"),
}
# What the filter form offers; links may use all of them.
OFFERED = (
    "contains", "equals", "startswith", "endswith", "notcontain", "notequal", "moreequal", "lessequal", "between",
    "empty", "notempty", "in",
)


def offered() -> list[tuple[str, Any, bool]]:
    """The comparisons of the form: name, title, and whether it makes sense of what is yes or no."""
    return [(op, OPS[op], fits("flag", base_op(op)[0])) for op in OFFERED]


def no_search(error: UsageError) -> str:
    """Why a list cannot be asked for."""
    return gettext("This search cannot be understood: %(reason)s.", reason=said.told(said.of(error), language()))


def title(view: View, name: str) -> str:
    """Of a column."""
    column = view.column(name)
    if column is None:
        return name
    return str(TITLES.get(column.title, column.title))


def condition(view: View, each: Condition) -> str:
    """A condition in words: “From contains anna”, “Date between 2026-01-01 and 2026-01-31”."""
    column = view.column(each.field)
    kind = column.kind if column else "text"
    name, base = title(view, each.field), base_op(each.op)[0]
    if kind == "flag" and base == "equals":
        yes = (each.value.lower() in TRUE) == (each.op == "equals")
        return gettext("%(field)s: yes", field=name) if yes else gettext("%(field)s: no", field=name)
    word = str(_TIME_OPS.get(each.op, OPS[each.op]) if kind == "time" else OPS[each.op])
    if base == "empty":
        return f"{name} {word}"
    if base == "between":
        if each.value and each.second:
            return gettext("%(field)s %(op)s %(one)s and %(other)s", field=name, op=word, one=each.value,
                           other=each.second)  # fmt: skip
        low = gettext("from") if each.value else gettext("up to")
        return f"{name} {low} {each.value or each.second}"
    return f"{name} {word} {each.value}"


def words(text: str) -> str:
    """The search words of a list."""
    return gettext("Search: %(words)s", words=text)


def warning(each: Warned) -> str:
    """What was not understood."""
    match each.kind:
        case "field":
            return gettext("There is no field “%(what)s” here", what=each.text)
        case "op":
            return gettext("There is no comparison “%(what)s”", what=each.text)
        case "unfit":
            return gettext("“%(what)s” compares a yes or no with something that it cannot be", what=each.text)
        case "value":
            return gettext("“%(what)s” does not fit the field", what=each.text)
        case "order":
            return gettext("The list cannot be sorted by “%(what)s”", what=each.text)
        case "tab":
            return gettext("There is no view “%(what)s” here", what=each.text)
        case "criteria":
            return gettext("“%(what)s” is neither “and” nor “or”", what=each.text)
        case "argument":
            return gettext("Passed over in the address, as no list knows it: %(what)s", what=each.text)
        case "many":
            return gettext("The link has more than %(what)s conditions; the rest is left out", what=each.text)
        case "long":
            return gettext("The link has more than %(what)s characters; the rest is left out", what=each.text)
        case _:
            return gettext("The link has no form that can be read: %(what)s", what=each.text)
