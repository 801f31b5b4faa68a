"""What a list shows, as a value: conditions, orders, warnings. `filtergrammar.py` reads and writes it."""

from dataclasses import dataclass
from typing import Literal

# Positive comparisons, and by which of them each negative one is told.
POSITIVE = (
    "contains", "equals", "startswith", "endswith", "morethan", "lessthan", "moreequal", "lessequal", "between",
    "empty", "in",
)
NEGATIVE = {
    "notcontain": "contains", "notequal": "equals", "notstartwith": "startswith", "notendwith": "endswith",
    "notmorethan": "morethan", "notlessthan": "lessthan", "notbetween": "between", "notempty": "empty", "notin": "in",
}
OPS = (*POSITIVE, *NEGATIVE)

WarningKind = Literal["field", "op", "unfit", "value", "form", "order", "tab", "many", "long", "criteria", "argument"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One comparison of a field. `op` is one of OPS, `second` is the upper end of `between`; values are as written."""

    field: str
    op: str
    value: str = ""
    second: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Sorted by a field."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """What of an address was not understood: the kind, and the words of the address."""

    kind: WarningKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a list shows. Two addresses that show the same give equal filters.

    conditions: those on one field OR-ed, the fields AND-ed; all OR-ed with `criteria` "or".
    within: words that must all hold, each in the same field. words: a search as in query.py, AND-ed to the rest.
    page_size: 0 when the address says none. account, mailbox: numbers (mailbox 0: submissions).
    """

    conditions: tuple[Condition, ...] = ()
    criteria: Literal["and", "or"] = "and"
    words: str = ""
    within: tuple[Condition, ...] = ()
    order: tuple[Order, ...] = ()
    tab: str = ""
    page_size: int = 0
    offset: int = 0
    account: int | None = None
    mailbox: int | None = None
    warnings: tuple[Warned, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether nothing narrows it but account, mailbox and tab."""
        return not (self.conditions or self.words or self.within)


def base_op(op: str) -> tuple[str, bool]:
    """The positive comparison, and whether `op` is its opposite."""
    return (NEGATIVE[op], True) if op in NEGATIVE else (op, False)
