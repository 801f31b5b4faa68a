"""The first rows of a list in the usual order, where its view tells them of the condition that leads (`View.near`)."""

from dataclasses import replace

from sqlalchemy import ColumnElement, Connection

from postbuch.archive import listquery
from postbuch.archive.filterform import Filter
from postbuch.archive.listcolumn import Scope, View
from postbuch.archive.listlead import Lead


def near(
    conn: Connection, view: View, wanted: Filter, scope: Scope, lead: Lead | None, limit: int,
    *held: ColumnElement[bool],
) -> tuple[list[int], int | None] | None:
    """The keys of those for which `held` too holds, and how many there are if that is known; None where none tells."""
    if view.near is None or lead is None or lead.words is None or wanted.words:
        return None
    scope = replace(scope, each=True)
    others = [*listquery.conditions(conn, view, lead.rest, scope), *held]
    return view.near(conn, scope, lead.words, lead.images, others, limit)
