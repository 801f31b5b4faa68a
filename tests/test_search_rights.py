"""Must show 5: no query gives an error or a thing outside the rights, in whatever words.

The oracle knows nothing of rights: it is an archive that holds only what the searcher may see. Whatever is asked, both
must answer alike: letters, totals, order, passages, and how a result is spread. Suggestions may be fewer, because they
are made of what all readers of a letter may know.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from indexed import follow
from sqlalchemy import Connection
from test_search import ANNA, BERND, mail

from postbuch.archive import database, query, search_facets
from postbuch.archive.accounts import find_account
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.archive.record import Record
from postbuch.archive.search import search
from postbuch.archive.users import ALL, Rights
from provider.archive import fresh_archive, ingester, message_record

CARLA = "carla@firma.example"
HEAD = "From: Anna Groß <anna@firma.example>\r\nTo: Bernd <bernd@firma.example>\r\nSubject: {subject}"
SENT = mail("sent", HEAD.format(subject="Vertrag München") + "\r\nBcc: Geheim <geheim@blind.example>", "Der Vertrag.")
ARRIVED = b"Received: from a by b; Mon, 02 Nov 2026 10:00:00 +0100\r\n" + mail(
    "sent", HEAD.format(subject="Vertrag München"), "Der Vertrag."
)
MARKED = b"X-Spam: yes\r\n" + mail("marked", HEAD.format(subject="[SPAM] Angebote"), "Möbel.", file="plan.pdf", size=50)
PLAIN = mail("marked", HEAD.format(subject="Angebote"), "Möbel.", file="plan.pdf", size=50)


def _all() -> list[Record]:
    """Letters of one, of two and of three accounts; copies that differ in what is not for everybody."""
    made = []

    def add(octets: bytes, account: str, hour: int, **facts: Any) -> None:
        at = f"2026-11-{2 + hour // 24:02}T{hour % 24:02}:00:00+00:00"
        when = {"seen_at": at} if facts.get("source") else {"internal_date": at, "seen_at": at}
        made.append(message_record(octets, account=account, **when, **facts))

    add(SENT, ANNA, 1, mailbox="Gesendet")
    add(SENT + b"\r\n", ANNA, 1, mailbox=None, source="submission", uidvalidity=None, envelope={
        "mail_from": ANNA, "parameters": "", "client_name": "x", "at": "2026-11-02T01:00:00+00:00",
        "recipients": [{"address": each, "code": 250, "text": "ok"} for each in (BERND, "geheim@blind.example")],
    })
    add(ARRIVED, BERND, 1)
    add(PLAIN, ANNA, 2)
    add(MARKED, BERND, 2, mailbox="Junk")
    for place, (owner, word) in enumerate([
        (ANNA, "Rechnung"), (BERND, "Rechnungen offen"), (CARLA, "Rechnung geheim"), (CARLA, "Vertrag plan"),
        (ANNA, "München Möbel"), (BERND, "Muenchen [SPAM] Angebot"), (CARLA, "blind Bernd"),
    ]):  # fmt: skip
        add(mail(f"m{place}", f"From: x{place}@kunde.example\r\nTo: {owner}\r\nSubject: {word}", f"Text {word}"),
            owner, 10 + 5 * place, mailbox="Ordner")
    both = mail("both", "From: rund@kunde.example\r\nTo: alle@firma.example\r\nSubject: Rundbrief", "An alle geheim")
    for owner in (ANNA, BERND, CARLA):
        add(both, owner, 60)
    return made


class Side:
    """An archive: the rights that are asked with, and what the numbers of letters are called."""

    def __init__(self, conn: Connection, rights: Rights) -> None:
        self.conn = conn
        self.rights = rights

    def answer(self, text: str) -> object:
        """All that can be had for a query, with letters by their Message-ID."""
        try:
            found = search(self.conn, text, self.rights, user_id=7)
        except UsageError as error:
            return str(error)
        names = {row["id"]: row["message_id"] for row in found.rows}
        passages = search_facets.snippets(self.conn, text, list(names), self.rights)
        page = search(self.conn, text, self.rights, user_id=7, limit=3, offset=2)
        assert page.total == found.total == len(found.rows)
        assert [row["id"] for row in page.rows] == list(names)[2:5]
        facets = [(each.kind, each.value, each.count) for each in search_facets.facets(self.conn, text, self.rights)]
        return (
            [(name, passages.get(number)) for number, name in names.items()], found.lag, sorted(facets),
            {row["message_id"]: (row["subject"], row["accounts"], row["mailboxes"], row["to"]) for row in found.rows},
        )

    def suggested(self, text: str) -> set[str]:
        """What is offered to somebody who types it."""
        return set(search_facets.suggest(self.conn, text, self.rights, 100))


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Side, Side]]]:
    """(the whole archive with rights, an archive of what is within them) for several rights."""
    records = _all()
    with ExitStack() as stack:
        def filled(name: str, owners: set[str]) -> Connection:
            config, engine = stack.enter_context(fresh_archive(tmp_path_factory.mktemp(name)))
            with ingester(config, engine) as work:
                for record in records:  # one by one: their order is that of their letters
                    if record.facts["account"] in owners:
                        work.ingest([record])
            follow(config, engine)
            reading = database.engine(config, Role.WEB)
            stack.callback(reading.dispose)
            return stack.enter_context(reading.connect())

        whole = filled("whole", {ANNA, BERND, CARLA})
        yield [
            (Side(whole, frozenset(find_account(whole, each) or 0 for each in owners)),
             Side(filled(f"oracle{place}", owners), ALL))
            for place, owners in enumerate(({ANNA}, {BERND}, {BERND, CARLA}))
        ]  # fmt: skip


WORDS = st.sampled_from([
    "Vertrag", "vertrag*", "München", "muenchen", "Rechnung", "rech*", "geheim", "geheim@blind.example", "blind",
    "Bernd", "bernd@firma.example", "Anna", "SPAM", "[SPAM]", "Angebote", "angeb*", "Möbel", "plan.pdf", "plan", "pdf",
    "Rundbrief", "kunde", "Ordner", "Gesendet", "Junk", "xyzzy", "&", "*", "2026", "a*", "g*",
])  # fmt: skip
LEAVES = st.one_of(
    WORDS,
    st.builds('"{} {}"'.format, WORDS, WORDS),
    st.builds("{}:{}".format, st.sampled_from(query.TEXT_FIELDS), WORDS),
    st.builds('{}:"{}"'.format, st.sampled_from(query.TEXT_FIELDS), WORDS),
    st.builds("{}:{}".format, st.sampled_from(query.DATE_FIELDS), st.sampled_from(
        ["2026-11-02", "2026-11-03", "03.11.2026", "2026-11-04", "1969-01-01", "2999-12-31", "today-99999d"]
    )),
    st.builds("{}:{}".format, st.sampled_from(query.SIZE_FIELDS), st.sampled_from(["1", "300", "340", "420", "1m"])),
    st.sampled_from(["has:attachment", "is:read", "is:unread", "message-id:sent@x", "message-id:marked@x"]),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("-{}".format, inner), st.builds("({})".format, inner), st.builds("{} {}".format, inner, inner),
        st.builds("{} OR {}".format, inner, inner), st.builds("-({} OR {})".format, inner, inner),
    ),
    max_leaves=6,
)
QUERIES = st.one_of(TREES, TREES, st.text(max_size=40), st.builds("{}{}".format, TREES, st.text(max_size=8)))


@settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate)
)
@given(text=QUERIES)
def test_nothing_outside_the_rights(sides: list[tuple[Side, Side]], text: str) -> None:
    """The same answer as where there is nothing else."""
    for whole, oracle in sides:
        assert whole.answer(text) == oracle.answer(text), text
        assert whole.suggested(text) <= oracle.suggested(text), text


@pytest.mark.parametrize(
    "text",
    ["geheim", "to:geheim", "blind", "-geheim", "SPAM", "subject:SPAM", "-subject:SPAM Angebote", '"SPAM Angebote"',
     "geh*", "to:geheim@blind.example", '"Geheim geheim"', "Vertrag larger:300", "has:attachment -SPAM", "spa", "geh"],
)  # fmt: skip
def test_what_only_one_copy_holds(sides: list[tuple[Side, Side]], text: str) -> None:
    """Bcc, the recipients of an envelope, a subject that a filter changed."""
    for whole, oracle in sides:
        assert whole.answer(text) == oracle.answer(text), text
        assert whole.suggested(text) <= oracle.suggested(text), text


def test_the_sender_finds_his_own_bcc(sides: list[tuple[Side, Side]]) -> None:
    """So the tests above are about something."""
    (anna, _), (bernd, _), _ = sides
    own = [search(anna.conn, f"{words} -Rundbrief", anna.rights).total for words in ("geheim", "to:geheim", "geh*")]
    assert own == [1, 1, 1]
    assert [search(bernd.conn, words, bernd.rights).total for words in ("geheim -Rundbrief", "to:geheim")] == [0, 0]
    assert search(bernd.conn, "SPAM", bernd.rights).total == 2
    assert search(anna.conn, "SPAM", anna.rights).total == 0
    assert search(anna.conn, "SPAM", ALL).total == 2
    assert search(anna.conn, "to:geheim", ALL).total == 1
    assert search(anna.conn, "Rundbrief", frozenset()).total == 0


def test_the_index_agrees_with_sql(sides: list[tuple[Side, Side]]) -> None:
    """Words that are spelled alike everywhere: the same letters from both."""
    for side in (side for pair in sides for side in pair):
        with side.conn.engine.execution_options(**{database.DATA_OPTION: None}).connect() as plain:
            for text in ("Vertrag", "from:kunde", "to:bernd", "cc:bernd", "subject:Angebot", "filename:plan",
                         "body:Text", "-Vertrag", "Vertrag OR Rundbrief", "before:2026-11-03", "has:attachment",
                         "account:anna"):  # fmt: skip
                found, same = search(side.conn, text, side.rights), search(plain, text, side.rights)
                assert (found.indexed, same.indexed) == (True, False)
                assert found.rows == same.rows, text
