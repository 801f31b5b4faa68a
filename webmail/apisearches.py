"""Kept searches for programs: those of the key's user, how much is unread in them, their letters; and suggestions."""

from typing import Any
from urllib.parse import parse_qsl

from postbuch.archive import filtergrammar, listresolve, savedsearches, search_facets
from postbuch.archive.apikeys import LETTERS
from postbuch.archive.filterform import Filter
from postbuch.archive.listview import VIEWS
from postbuch.archive.savedsearches import Saved
from postbuch.webmail import apischemas, saved
from postbuch.webmail.apiaccess import asker, with_key
from postbuch.webmail.apiletters import since_or_before, total, use_clock
from postbuch.webmail.apiroutes import Routes
from postbuch.webmail.services import services

blueprint = Routes("api_searches", __name__, description="Kept searches")


@blueprint.route("/searches", operation="listSearches")
@with_key(LETTERS)
@blueprint.arguments(apischemas.OnClock, location="query")
@blueprint.response(200, apischemas.KeptSearch(many=True))
def listed(wanted: dict[str, Any]) -> Any:
    """One's own, by name. Those that stand among the mailboxes say how many letters are unread in them."""
    use_clock(wanted)
    who = asker()
    with services().transaction() as conn:
        who.on_record(conn, "list", "searches")
        found = savedsearches.listed(conn, who.user_id)
    return [
        {"id": each.id, "name": each.name, "arguments": dict(parse_qsl(each.address)), "counted": each.in_sidebar,
         **_unread(saved.unread_in(who.user_id, who.accounts, each) if each.in_sidebar else None)}
        for each in found
    ]  # fmt: skip


@blueprint.route("/searches/<int:search_id>/letters", operation="listLettersOfSearch")
@with_key(LETTERS)
@blueprint.arguments(apischemas.NewestQuery, location="query")
@blueprint.response(200, apischemas.Letter(many=True))
def letters(wanted: dict[str, Any], search_id: int) -> Any:
    """Its letters, newest first by number as in `/letters`, whatever order it was kept in."""
    return since_or_before(_filter(wanted, search_id), wanted)


@blueprint.route("/searches/<int:search_id>/count", operation="countLettersOfSearch")
@with_key(LETTERS)
@blueprint.arguments(apischemas.OnClock, location="query")
@blueprint.response(200, apischemas.Total)
def counted(wanted: dict[str, Any], search_id: int) -> Any:
    """How many letters it finds, exactly."""
    return total(_filter(wanted, search_id))


@blueprint.route("/suggestions", operation="listSuggestions")
@with_key(LETTERS)
@blueprint.arguments(apischemas.SuggestionsQuery, location="query")
@blueprint.response(200, apischemas.Suggestion(many=True))
def suggestions(wanted: dict[str, Any]) -> Any:
    """What the words of a search may become; mailboxes by the provider's names."""
    text = wanted["q"]
    with services().transaction() as conn:
        asker().on_record(conn, "search", "suggestions", {"q": text})
        found = search_facets.suggest(conn, text, asker().accounts, wanted["limit"])
    return [{"q": each} for each in found]


def _filter(wanted: dict[str, Any], search_id: int) -> Filter:
    """What a kept search means. Raises NotFound, also for another's, and UsageError for what no list knows any more."""
    use_clock(wanted)
    with services().transaction() as conn:
        found: Saved = savedsearches.get(conn, asker().user_id, search_id)
    return listresolve.understood(VIEWS["letters"], filtergrammar.arguments_of(dict(parse_qsl(found.address))))


def _unread(number: int | None) -> dict[str, Any]:
    """The number as far as it is counted, and whether there are more."""
    more = number is not None and number > saved.MOST
    return {"unread": saved.MOST if more else number, "more_unread": more}
