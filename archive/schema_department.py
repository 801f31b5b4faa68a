"""Departments: people and accounts that belong together, so that the one may read the other."""

from sqlalchemy import Index, String, UniqueConstraint

from postbuch.archive.columns import TIME, Writes, col, id_column, reference, table
from postbuch.archive.widths import KEY_CHARACTERS

department = table(
    "department", "A department: its members read its accounts; each with its end", Writes.VERSIONED,
    id_column("Number of the department"),
    col("name", String(KEY_CHARACTERS), "What it is called; letter case does not tell two apart"),
    col("since", TIME, "From when (UTC)"),
    col("until", TIME, "Till when (UTC); 9999-12-31 while it holds"),
    col("made_by", String(KEY_CHARACTERS), "Who made it"),
    UniqueConstraint("name", "until", name="department_current"),
)

department_member = table(
    "department_member", "Who belongs to a department; each with its end", Writes.VERSIONED,
    id_column("Number of the membership"),
    reference("department_id", "department", "Department"),
    reference("user_id", "app_user", "Who belongs to it"),
    col("since", TIME, "From when (UTC)"),
    col("until", TIME, "Till when (UTC); 9999-12-31 while it holds"),
    col("given_by", String(KEY_CHARACTERS), "Who chose it"),
    UniqueConstraint("department_id", "user_id", "until", name="department_member_current"),
    Index("department_member_user", "user_id", "until"),
)

department_account = table(
    "department_account", "Which accounts the members of a department read; each with its end", Writes.VERSIONED,
    id_column("Number of the row"),
    reference("department_id", "department", "Department"),
    reference("account_id", "account", "Account that its members read"),
    col("since", TIME, "From when (UTC)"),
    col("until", TIME, "Till when (UTC); 9999-12-31 while it holds"),
    col("given_by", String(KEY_CHARACTERS), "Who chose it"),
    UniqueConstraint("department_id", "account_id", "until", name="department_account_current"),
)
