"""What a page shows of a search beside its letters: the words marked, how the result is spread, what may be typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import Blueprint, render_template, request, url_for
from sqlalchemy import Connection

from postbuch.archive import query, search, search_facets, search_times
from postbuch.archive.errors import UsageError
from postbuch.archive.filtergrammar import MAX_CHARACTERS
from postbuch.archive.index_snippets import Snippet, Wanted, marked, wanted
from postbuch.webmail import folders, language, timeline
from postbuch.webmail.language import gettext
from postbuch.webmail.lists import Sheet
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import Viewer, login_required, viewer

blueprint = Blueprint("finding", __name__)
SUGGESTIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of a group: a link that narrows the search to it. percent: of the longest bar, where it has one."""

    name: str
    count: int
    href: str
    percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A year or a decade with what it holds."""

    name: str
    count: int
    percent: int
    values: list[Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A group of values with its title. of_time: a picture with a bar for each, without a link where nothing came.

    periods: the same in folds, where there are many of time.
    """

    title: str
    values: list[Value]
    of_time: bool = False
    periods: list[Period] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a page shows beside the letters that words have found.

    passages: letter → the passage that was found. spread: the address of how the result is spread, which the page asks
    for when it stands; empty when that is not told. lag: letters that the index lacks. unindexed: there is none yet.
    """

    words: list[Wanted] = field(default_factory=list)
    passages: Mapping[int, Snippet] = field(default_factory=dict)
    spread: str = ""
    lag: int = 0
    unindexed: bool = False


@blueprint.route("/suggest")
@login_required
def suggest() -> str:
    """What the words in the search box may become; asked while somebody types, and on record like every search."""
    who, text = viewer(), request.args.get("q", "")[:MAX_CHARACTERS]
    with services().transaction() as conn:
        on_record(conn, "search", "suggestions", {"q": text})
        found = search_facets.suggest(conn, text, who.accounts, SUGGESTIONS, folders.shown_name)
    return render_template("suggestions.html", suggestions=found)


@blueprint.route("/spread")
@login_required
def spread() -> str:
    """How what a search found is spread: part of its page, which does not wait for it."""
    who, text = viewer(), request.args.get("q", "")[:MAX_CHARACTERS]
    with services().transaction() as conn:
        on_record(conn, "search", "spread", {"q": text})
        try:
            found = _spread(conn, text, who)
        except UsageError:
            found = []
    return render_template("spread.html", spread=found)


def beside(conn: Connection, who: Viewer, found: Sheet) -> Beside:
    """For one page of a list; nothing when no words were looked for, or the search has a mistake."""
    text = found.listing.query
    if not text or found.problem:
        return Beside()
    unindexed, lag = search.standing(conn, text, who.accounts)
    return Beside(
        words=_subject_words(text),
        passages=search_facets.snippets(conn, text, [each["id"] for each in found.rows], who.accounts),
        spread=url_for("finding.spread", q=text) if found.listing.only_words and found.total > 1 else "",
        lag=lag,
        unindexed=unindexed,
    )


def _spread(conn: Connection, text: str, who: Viewer) -> list[Spread]:
    """How what a search found is spread. Raises UsageError."""
    titles = {
        "account": gettext("Account"), "mailbox": gettext("Mailbox"), "sender": gettext("Sender"),
        "year": gettext("Year"), "month": gettext("Month"), "type": gettext("Type of attachment"),
    }  # fmt: skip
    values: dict[str, list[Value]] = {}
    periods: dict[str, list[Period]] = {}
    found = search_facets.facets(conn, text, who.accounts)
    for each in found:
        if each.kind not in search_times.KINDS:
            name = {"mailbox": folders.shown_name(each.value), "type": each.value.upper()}.get(each.kind, each.value)
            values.setdefault(each.kind, []).append(Value(name=name, count=each.count, href=_narrowed(each.query)))
    for kind in search_times.KINDS:
        bars = timeline.bars([each for each in found if each.kind == kind])
        values[kind] = [_value(bar) for bar in bars]
        periods[kind] = [
            Period(name=language.stretch(each.first, each.last), count=each.count, percent=each.percent,
                   values=[_value(bar) for bar in each.bars])
            for each in timeline.groups(bars)
        ]  # fmt: skip
    return [
        Spread(title=titles[kind], values=values[kind], of_time=kind in search_times.KINDS,
               periods=periods.get(kind, []))
        for kind in titles if values.get(kind)
    ]  # fmt: skip


def _value(bar: timeline.Bar) -> Value:
    href = _narrowed(bar.query) if bar.query else ""
    return Value(name=language.stretch(bar.first, bar.last), count=bar.count, percent=bar.percent, href=href)


def _narrowed(text: str) -> str:
    return url_for("mailbox.index", q=text)


def _subject_words(text: str) -> list[Wanted]:
    """What of a search may stand in a subject. Raises UsageError."""
    return wanted(query.parse(text), ("", "subject"))


def marked_subject(subject: str, words: list[Wanted]) -> Snippet | None:
    """The subject with the words of a search marked; None when there are none in it."""
    made = marked(subject, words) if words else None
    return made if made is not None and made.spans else None
