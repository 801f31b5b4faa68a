"""Lists read from a summary table, which has the rows of each account and, as account 0, those of all together.

Who reads one account, or all, has his rows ready, in the order of an index. For several accounts the rows of each are
put together when they are asked for: a letter that lies in two of them then counts in each.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    and_,
    case,
    cast,
    column,
    false,
    func,
    or_,
    select,
    true,
)  # fmt: skip

from postbuch.archive.filtergrammar import split_words
from postbuch.archive.listcolumn import Scope, Test, compare
from postbuch.archive.schema_media import EVERY_ACCOUNT
from postbuch.archive.users import ALL

# Each word is one look at each name.
MAX_WORDS = 10
# Rows that are looked up one by one instead of putting all together: as many as the server takes as a list of numbers
# (in_predicate_conversion_threshold is 1,000).
FEW = 900


class Summary:
    """A table with `account_id` and a `key`. `put_together`: how numbers and times are, by name: sum, min or max.

    Texts are those of the first of the accounts.
    """

    def __init__(self, table: Table, key: str, put_together: Mapping[str, str]) -> None:
        self._table = table
        self._put_together = put_together
        # Without the name of a table: they come from the table or from what looks like it.
        self._columns = {each.name: column(each.name, each.type) for each in table.c}
        self.key: ColumnElement[Any] = self._columns[key]

    def __getitem__(self, name: str) -> ColumnElement[Any]:
        return self._columns[name]

    def source(self, scope: Scope) -> Select[Any]:
        """A select of the key with the rows within the rights."""
        return self.of_texts(scope, None)

    def of_texts(self, scope: Scope, texts: ColumnElement[bool] | None) -> Select[Any]:
        """The same, of the rows for whose texts a condition holds."""
        accounts, table = _accounts(scope), self._table
        if len(accounts) < 2:
            found = select(self.key).select_from(table)
            found = found.where(table.c.account_id == accounts[0] if accounts else false())
            return found if texts is None else found.where(texts)
        key = table.c[self.key.name]
        columns = [_together(how, table.c[name]).label(name) for name, how in self._put_together.items()]
        # Numbers and times alone are put together: with texts beside them the server does it on the disk.
        grouped = (
            select(key, func.min(table.c.account_id).label("of_account"), *columns)
            .where(table.c.account_id.in_(accounts)).group_by(key)
        )
        if texts is not None:
            # Of the first account's row, without looking it up again for each key: that took half of the time.
            first = func.min(table.c.account_id)
            grouped = grouped.having(first == func.min(case((texts, table.c.account_id))))
        numbers = grouped.subquery("numbers")
        shown = [each for each in table.c if each.name not in (key.name, "account_id", *self._put_together)]
        whole = (
            select(numbers.c[key.name], *(numbers.c[name] for name in self._put_together), *shown)
            .select_from(numbers)
            # An outer join, which the server leaves out where no text is asked for (MariaDB, table elimination).
            .join(table, and_(table.c.account_id == numbers.c.of_account, key == numbers.c[key.name]), isouter=True)
        )
        return select(self.key).select_from(whole.subquery("put_together"))

    def newest(self, conn: Connection, scope: Scope, limit: int) -> list[int] | None:
        """The keys of the newest `limit` rows, where rows are put together: they are among the newest of each account.

        None where they are read in order as they are.
        """
        accounts, table = _accounts(scope), self._table
        if len(accounts) < 2:
            return None
        newest: dict[int, datetime] = {}
        for each in accounts:
            rows = select(table.c[self.key.name], table.c.last_at).where(table.c.account_id == each)
            for key, at in conn.execute(rows.order_by(
                table.c.last_at.desc(), table.c[self.key.name].desc()
            ).limit(limit)):
                newest[key] = max(at, newest.get(key, at))
        return sorted(newest, key=lambda key: (newest[key], key), reverse=True)[:limit]

    def keys(self, scope: Scope) -> Select[Any]:
        """A select of the keys within the rights, to be counted."""
        table = self._table
        return select(table.c[self.key.name]).where(table.c.account_id.in_(_accounts(scope))).distinct()

    def lowered(self, name: str) -> Any:
        """The comparison of a column that holds lower case alone: as its index has it, without folding each value."""
        found = self[name]

        def condition(_: Scope, test: Test) -> ColumnElement[bool]:
            values = [value and value.lower() for value in test.values]
            match test.op:
                case "equals" | "in":
                    return found.in_(values)
                case "contains":
                    return found.contains(values[0], autoescape=True, escape="|")
                case "startswith":
                    return found.startswith(values[0], autoescape=True, escape="|")
                case "endswith":
                    return found.endswith(values[0], autoescape=True, escape="|")
                case _:
                    return compare(found, "text", Test(op=test.op, values=tuple(values)))

        return condition

    def words(self, name: str, lower: str) -> Any:
        """The condition of a search: each word, or phrase in quotes, stands in one column or in one of lower case."""
        low = self.lowered(lower)

        def condition(conn: Connection, written: str, scope: Scope) -> ColumnElement[bool]:
            tests = [Test(op="contains", values=(word,)) for word in split_words(written)[:MAX_WORDS]]
            found = and_(true(), *(or_(low(scope, test), compare(self[name], "text", test)) for test in tests))
            return self._narrowed(conn, scope, found)

        return condition

    def _narrowed(self, conn: Connection, scope: Scope, found: ColumnElement[bool]) -> ColumnElement[bool]:
        """A condition on texts with the keys it can hold for, where rows are put together and these are few.

        The server puts together the rows of given keys alone, but for a condition on texts those of all.
        """
        accounts, table = _accounts(scope), self._table
        if len(accounts) < 2:
            return found
        within = select(self.key).distinct().select_from(table).where(table.c.account_id.in_(accounts), found)
        keys = conn.scalars(within.limit(FEW + 1)).all()
        return found if len(keys) > FEW else and_(self.key.in_(keys), found)


def _accounts(scope: Scope) -> list[int]:
    """Whose rows are read."""
    return [EVERY_ACCOUNT] if scope.rights == ALL else sorted(scope.rights)


def _together(how: str, each: ColumnElement[Any]) -> ColumnElement[Any]:
    found: ColumnElement[Any] = getattr(func, how)(each)
    # The server's sum of whole numbers is a DECIMAL, which is no number in JSON.
    return cast(found, Integer) if how == "sum" else found
