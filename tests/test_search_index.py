"""Search by the index: what a German and an Englishman expect to find, rights in each word, and that it follows."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from indexed import follow
from sqlalchemy import Connection, Engine, func, select
from test_search import BERND, mail

from postbuch.archive import (
    database,
    export,
    index_follower,
    index_query,
    index_reader,
    index_schema,
    index_store,
    letters,
    listview,
    query,
    search_facets,
)
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.archive.filterform import Filter
from postbuch.archive.index_follower import Follower
from postbuch.archive.index_store import Writing
from postbuch.archive.listview_letters import LETTERS as LETTERS_LIST
from postbuch.archive.schema import letter
from postbuch.archive.sealer import Sealer
from postbuch.archive.search import search
from postbuch.archive.search_sql import Conditions
from postbuch.archive.users import ALL, Rights
from provider.archive import fresh_archive, ingester, message_record

LONG = "a1" * 60
# Name → subject and text of a letter to Anna; each in the order of its coming.
LETTERS = {
    "muenchen": ("Reise nach München", "Wir treffen uns am Bahnhof."),
    "spelled": ("Muenchen im Mai", "Das Hotel ist gebucht."),
    "munchner": ("Angebot der Münchner Rück", "Anbei die Police."),
    "invoice_de": ("Rechnung 4711", "Die Rechnungen sind offen, bitte überweisen."),
    "invoices_de": ("Offene Rechnungen", "Zwei Rechnungen fehlen."),
    "number_de": ("Rechnungsnummer", "Bitte nennen Sie die Nummer."),
    "street": ("Neue Straße", "Die Strasse heißt jetzt Große Bleichen."),
    "muller": ("Müller", "Grüße von Herrn Mueller und Frau Steuer."),
    "taxes": ("Steuern 2026", "Die neue Steuer für Frauen und Häuser."),
    "woman": ("Frau und Haus", "Ein neues Haus."),
    "invoice_en": ("Your invoice", "Please pay the invoices; payment is due to our companies."),
    "company_en": ("The company was running late", "We study the delivered values."),
    "issue_en": ("Open issue", "One value does not fit."),
    "decomposed": ("Gru\u0308n ist scho\u0308n", "Cafe\u0301 in Sued-Tirol"),
    "phrase": ("Termin", "Die offene Rechnung ist da. Rechnung offene Posten."),
    "hyphen": ("E-Mail-Adressen", "Die neue E-Mail Adresse, Druckerei-Prospekte und Non\u2011Profit."),
    "joined": ("Email verloren", "Druckereiprospekt fehlt, Ver\u00adsand folgt."),
    "sum": ("Betrag", "Summe 1.234,56 EUR am 23.11.2026, Zahlung an DE89 3704 0044 0532 0130 00 bitte."),
    "plain_sum": ("Betraege", "Summe 1234,56 EUR, an DE89370400440532013000 und 192.168.10.7"),
    "number": ("Beleg RE-2024/0815", "Siehe Quittung_2024-05.pdf unter www.mein-laden.example/neu"),
    "japanese": ("東京2024年 Auftrag", "請求書をお送りします。ﾃﾞｰﾀを確認"),
    "chinese": ("北京会议", "附件是发票，请查收。"),
    "korean": ("서울에서 회의", "\u1112\u1161\u11ab\u1100\u116e\u11a8 지사"),
    "thai": ("ใบแจ้งหนี้", "ซื้อข้าวที่ตลาด"),
    "thai_white": ("เสื้อ", "สีขาวมาก"),
    "hindi": ("हिन्दी भाषा", "मुहम्मद का पत्र"),
    "pointed": ("مُحَمَّد كِتَاب", "שָׁלוֹם, İstanbul; Œuvre; Zu\u200bsage"),
    "signs": ("Meyer & Söhne", "E-Mail an jg@kunde.example, 100 % Rabatt_heute"),
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Engine, Connection]]:
    """The letters, indexed."""
    with fresh_archive(tmp_path_factory.mktemp("index")) as (config, engine), ingester(config, engine) as work:
        for day, (name, (subject, text)) in enumerate(LETTERS.items(), start=1):
            head = f"From: Absender <absender@laden.example>\r\nTo: anna@firma.example\r\nSubject: {subject}"
            at = f"2026-03-{day:02}T12:00:00+00:00"
            work.ingest([message_record(mail(name, head, text), internal_date=at, seen_at=at)])
        follow(config, engine)
        made = database.engine(config, Role.WEB)
        with made.connect() as conn:
            yield config, engine, conn
        made.dispose()


def found(conn: Connection, text: str, accounts: Rights = ALL, **kw: Any) -> set[str]:
    """Which letters, by their names; the total says the same number."""
    result = search(conn, text, accounts, **kw)
    assert result.total == len(result.rows)
    assert result.indexed and result.lag == 0
    return {row["message_id"].removesuffix("@x") for row in result.rows}


CITY = "muenchen spelled munchner"
INVOICE = "invoice_de invoices_de phrase"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        # Umlauts in all spellings, and who comes from a town.
        ("München", CITY), ("Muenchen", CITY), ("Munchen", CITY), ("MÜNCHEN", CITY), ("münchner", CITY),
        ("Münchener", CITY), ("Mu\u0308nchen", CITY), ('"Münchner Rück"', "munchner"), ("Muench*", CITY),
        ("Müller", "muller"), ("Mueller", "muller"), ("Muller", "muller"), ("grün", "decomposed"),
        ("gruen", "decomposed"), ("schoen", "decomposed"), ("Süd", "decomposed"), ("cafe", "decomposed"),
        ("Straße", "street"), ("strasse", "street"), ("Straßen", "street"), ("gross", "street"),
        ("grüßen", "muller"),
        # Words in their forms.
        ("Rechnungen", INVOICE), ("Rechnung", INVOICE), ("RECHNUNG", INVOICE), ("offen", INVOICE),
        ("Steuer", "muller taxes"), ("Steuern", "muller taxes"), ("Frau", "muller taxes woman"),
        ("Haus", "taxes woman"), ("Häuser", "taxes woman"), ("neue Häuser", "taxes woman"),
        ("invoices", "invoice_en"), ("payments", "invoice_en"), ("company", "invoice_en company_en"),
        ("run", "company_en"), ("deliver", "company_en"), ("studies", "company_en"), ("issues", "issue_en"),
        ("value", "company_en issue_en"), ("does", "issue_en"),
        # Compounds by their beginning.
        ("rechn*", f"{INVOICE} number_de"), ("Rechnungsnummern", "number_de"), ("subject:rechn*", "invoice_de "
         "invoices_de number_de"), ('"offene rechn*"', "invoices_de phrase"), ("stra*", "street"),
        # Phrases as they are spelled and in this order.
        ('"offene Rechnung"', "phrase"), ('"Rechnung offene"', "phrase"), ('"Rechnungen"', "invoice_de invoices_de"),
        ('"Rechnung offen"', ""), ('"offene Rechnungen"', "invoices_de"),
        # What is joined by signs is found in a row, and signs alone are passed over.
        ("jg@kunde.example", "signs"), ("E-Mail", "signs hyphen joined"), ("kunde", "signs"),
        ("Meyer & Söhne", "signs"),
        ("Rabatt_heute", "signs"), ("100 %", "signs"), ("%", ""), ("-%", ""), ("😀", ""), ("kunde.exampl", ""),
        # What is too long for the index is a word that no letter has.
        (f"Haus {LONG}", ""), (f"Haus subject:{LONG}* is:unread", ""), (f"Haus -{LONG}", "taxes woman"), (LONG, ""),
        (f"{LONG} OR Haus", "taxes woman"), (f"Haus -(Steuer OR {LONG})", "woman"), (f'Haus "{LONG}"', ""),
        # Parts with a hyphen, in one word, or with a blank; what was parted at the end of a line.
        ("email", "signs hyphen joined"), ("E-Mails", "signs hyphen joined"), ('"E-Mail"', "signs hyphen joined"),
        ("e mail", "signs hyphen joined"), ("e mail is:unread", "signs hyphen joined"), ("-(e mail) Adresse", ""),
        ("e mail verloren", "joined"), ("e mail Adresse", "hyphen"), ('"e mail verloren"', "joined"),
        ('"e mail adressen"', "hyphen"), ('"email adressen"', "hyphen"), ('"Email"', "signs hyphen joined"),
        ('"Druckerei Prospekt fehlt"', "joined"), ('"Druckerei Pros*"', "hyphen joined"), ("emaila*", "hyphen"),
        ("Druckerei Prospekte", "hyphen joined"), ("10 7", "plain_sum"), ("192 16", ""), ("RE 2024", "number"),
        ("subject:email", "joined"), ("E-Mail-Adresse", "hyphen"),
        ("emailadresse", "hyphen"),
        ("Druckereiprospekte", "hyphen joined"), ("Druckerei-Prospekt", "hyphen joined"), ("Nonprofit", "hyphen"),
        ("Non-Profit", "hyphen"), ("Versand", "joined"), ("-E-Mail from:laden Adresse", ""),
        # Sums, numbers of documents and of bank accounts.
        ("1.234,56", "sum plain_sum"), ("1234,56", "sum plain_sum"), ("1,234.56", "sum plain_sum"), ("1234", "sum "
         "plain_sum"), ('"1.234,56"', "sum"), ("1.234", "sum plain_sum"), ("234,56", "sum"), ("1.234,57", ""),
        ("23.11.2026", "sum"), ("192.168.10.7", "plain_sum"), ("DE89370400440532013000", "sum plain_sum"),
        ("DE89 3704 0044 0532 0130 00", "sum plain_sum"), ("de89 3704 0044 0532 0130 00 bitte", "sum"), ("0532", "sum"),
        ("DE89 3704 0044 0532 0130 01", ""), ("RE-2024/0815", "number"), ("0815", "number"), ("2024/0815", "number"),
        ("RE-2024*", "number"), ("re2024", "number"), ("Quittung_2024-05.pdf", "number"), ("quittung", "number"),
        ("Quittung 2024", "number"), ("mein-laden.example", "number"),
        ("www.mein-laden.example/neu", "number"), ("meinladen", "number"), ("laden.example", " ".join(LETTERS)),
        # Scripts without spaces: any part of a text is a word.
        ("東京", "japanese"), ("京", "japanese chinese"), ("京東", ""), ("2024年", "japanese"),
        ("東京2024年", "japanese"),
        ("東京2024年 Aufträge", "japanese"), ("東京20*", "japanese"), ("請求書", "japanese"), ("請求*", "japanese"),
        ("-東京 請求書", ""), ('"送りします"', "japanese"), ("データ", "japanese"), ("ﾃﾞｰﾀ", "japanese"),
        ("会议", "chinese"),
        ("subject:会议", "chinese"), ("body:会议", ""), ("发票", "chinese"), ("京会", "chinese"), ("서울", "korean"),
        ("한국", "korean"), ("회의", "korean"), ("의회", ""), ("หนี้", "thai"), ("ใบแจ้งหนี้", "thai"),
        ("ข้าว", "thai"),
        ("ขาว", "thai_white"), ("ตลาด", "thai"),
        # Vowel signs are part of a word, points and what has no width are passed over.
        ("हिन्दी", "hindi"), ("हिन्*", "hindi"), ("हिन", ""), ("दी", ""), ("محمد", "pointed"), ("كِتَابُ", "pointed"),
        ("שלום", "pointed"), ("istanbul", "pointed"), ("oeuvre", "pointed"), ("œuvre", "pointed"),
        ("Zusage", "pointed"),
        # Fields, and what is not.
        ("subject:Rechnung", "invoice_de invoices_de"), ("body:Rechnung", INVOICE), ("from:laden Müller", "muller"),
        ("subject:Frauen", "woman"), ("Rechnung -offene", ""), ("Rechnung -subject:Rechnung", "phrase"),
        ("München OR Haus", f"{CITY} taxes woman"), ("-from:laden", ""), ("-(Haus OR Rechnung) Frau", "muller"),
        ("on:2026-03-01", "muenchen"), ("before:2026-03-03", "muenchen spelled"),
        ("München after:2026-03-01", "spelled munchner"), ("has:attachment", ""),
        # Together with what only the database knows.
        ("Rechnung is:unread", INVOICE), ("Rechnung larger:1", INVOICE), ("Rechnung message-id:phrase@x", "phrase"),
        ("-Rechnung message-id:phrase@x", ""), ("Rechnung larger:1m", ""), ("account:anna München", CITY),
        ("mailbox:inbox account:anna Haus smaller:1m", "taxes woman"), ("account:niemand München", ""),
    ],
)  # fmt: skip
def test_words(
    archive: tuple[Config, Engine, Connection], monkeypatch: pytest.MonkeyPatch, text: str, names: str
) -> None:
    """Must show 8: each finds what is expected, and nothing else; also counted as what very many letters have."""
    assert found(archive[2], text) == set(names.split())
    monkeypatch.setattr(index_reader, "BROAD", -1)
    for share in (0.85, 0.0):
        monkeypatch.setattr(index_reader, "NEARLY_ALL", share)
        assert found(archive[2], text) == set(names.split())


@pytest.mark.parametrize(
    "text",
    ["東京", "京", "京東", "2024年", "東京2024年", "請求書", '"送りします"', "subject:会议", "body:会议", "发票",
    "서울", "회의", "의회",
     "หนี้", "ข้าว", "ขาว", "-東京", "東京 OR 서울", "RE-2024/0815", "DE89 3704 0044 0532 0130 00"],
)  # fmt: skip
def test_the_database_finds_the_same(archive: tuple[Config, Engine, Connection], text: str) -> None:
    """Parts of texts without spaces, in letters that the index lacks or while there is none."""
    conn = archive[2]
    by_words = search(conn, text, ALL, limit=100)
    assert by_words.total == counted_by_database(conn, text)


def counted_by_database(conn: Connection, text: str) -> int:
    """How many letters the database finds without an index."""
    condition = Conditions(ALL, None).of(query.parse(text))
    return int(conn.scalar(select(func.count()).select_from(letter).where(condition)) or 0)


def test_numbers_in_slices(archive: tuple[Config, Engine, Connection], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of both: found in slices of the index, the same letters once each; beyond the limit by SQL."""
    conn = archive[2]
    whole = found(conn, "-xyzzy larger:1")
    assert len(whole) == len(LETTERS)
    monkeypatch.setattr(index_reader, "SLICE", 3)
    assert found(conn, "from:laden larger:1") == whole
    look = index_reader.of(conn)
    assert look is not None
    numbers = look.every(index_query.every())
    assert numbers is not None and len(numbers) == len(set(numbers)) == len(LETTERS)
    monkeypatch.setattr(index_reader, "MAX_IDS", 3)
    assert look.every(index_query.every()) is None
    assert found(conn, "from:laden larger:1") == whole


@pytest.mark.parametrize("day", [1, 9, 14, 30])
def test_the_newest_of_many(
    archive: tuple[Config, Engine, Connection], monkeypatch: pytest.MonkeyPatch, day: int
) -> None:
    """Looked for among the newest letters first: the pages are the same, whether all, some or none came since."""
    look = index_reader.of(archive[2])
    assert look is not None
    pages = [(limit, offset) for limit in (1, 3, 50) for offset in (0, 2, 5, len(LETTERS) - 1, len(LETTERS), 99)]
    whole = [look.newest(index_query.every(), limit, offset) for limit, offset in pages]
    assert whole[-6][0] == len(whole[-6][1]) == len(LETTERS)
    monkeypatch.setattr(index_reader, "BROAD", 3)
    monkeypatch.setattr(index_reader, "NEWEST_DAYS", ((datetime.now() - datetime(2026, 3, day)).days,))
    assert [look.newest(index_query.every(), limit, offset) for limit, offset in pages] == whole


def test_a_letter_is_found_before_its_leaf(archive: tuple[Config, Engine, Connection]) -> None:
    """Written ahead, and again when it is sealed: once in the end, also when it is seen elsewhere later."""
    config, engine, conn = archive
    octets = mail("late", "From: x@kunde.example\r\nSubject: Nachzügler", "Eben erst.")
    follower = Follower(engine, config.data, lambda: False)
    with ingester(config, engine) as work:
        work.ingest([message_record(octets)])
        before = search(conn, "Nachzuegler", ALL)
        assert (before.total, before.lag) == (0, 1)
        assert len(export.find(conn, "Nachzügler OR Rechnungen", ALL)) == 4  # an export lacks nothing
        conn.rollback()
        assert follower.round() == 1
        assert found(conn, "Nachzuegler") == {"late"}
        assert found(conn, "Nachzuegler account:bernd") == set()
        work.ingest([message_record(octets, account=BERND)])
        Sealer(engine).seal()
        assert follower.round() > 0
    follower.close()
    assert found(conn, "Nachzuegler account:bernd") == found(conn, "Nachzuegler") == {"late"}


@pytest.mark.parametrize("text", ["Rechnung", "-Haus", "Rechnung OR München larger:1"])
def test_neighbours_go_through_what_is_found(archive: tuple[Config, Engine, Connection], text: str) -> None:
    """From the newest to the oldest and back, as the page lists them; from one that is not found as well."""
    conn = archive[2]
    ids = [row["id"] for row in search(conn, text, ALL, limit=100).rows]
    for place, number in enumerate(ids):
        newer, older = listview.beside(conn, LETTERS_LIST, Filter(words=text), ALL, 1, number)
        assert newer == (ids[place - 1] if place else None)
        assert older == (ids[place + 1] if place + 1 < len(ids) else None)
    outside = letters.find_letter(conn, "woman@x")
    newer, _ = listview.beside(conn, LETTERS_LIST, Filter(words="Rechnung"), ALL, 1, outside)
    assert newer == letters.find_letter(conn, "phrase@x")
    assert listview.beside(conn, LETTERS_LIST, Filter(words=text), frozenset(), 1, ids[0]) == (None, None)


@pytest.mark.parametrize("text", ["a" * 73 + "nchner", "subject:" + "a" * 73 + "nchner"])
def test_a_word_that_grows_too_long_for_a_stem(archive: tuple[Config, Engine, Connection], text: str) -> None:
    """It is looked for as it is spelled, and marked so."""
    assert found(archive[2], text) == set()
    assert search_facets.snippets(archive[2], text, [1], ALL) == {}


def test_a_beginning_that_fits_too_many_words() -> None:
    """The library's limit is a sentence for people; what else it raises stays what it is."""
    for sentence, kind in (("Phrase query exceeded max expansions 9", UsageError), ("the disk is full", ValueError)):
        with pytest.raises(kind), index_reader._said():
            raise ValueError(sentence)


def test_pages_of_a_search(archive: tuple[Config, Engine, Connection]) -> None:
    """Each says whether there are more, and together they are the whole."""
    conn, wanted = archive[2], Filter(words="from:absender")
    pages: list[listview.Page] = []
    while not pages or pages[-1].more:
        offset = sum(len(page.rows) for page in pages)
        pages.append(listview.page(conn, LETTERS_LIST, wanted, ALL, 1, limit=5, offset=offset))
        assert pages[-1].total == len(LETTERS)
    ids = [row["id"] for page in pages for row in page.rows]
    assert ids == list(listview.keys_of(conn, LETTERS_LIST, wanted, ALL, 1)) and len(ids) == len(LETTERS)


def test_an_export_lacks_nothing_that_the_index_lacks(tmp_path: Path) -> None:
    """What came just now is in all that is meant by a list, before the indexer has seen it."""
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        work.ingest([message_record(mail("one", "From: a@x.example\r\nSubject: Plan", "Anbei."))])
        follow(config, engine)
        work.ingest([message_record(mail("two", "From: a@x.example\r\nSubject: Plan", "Anbei."), uid=2)])
        with engine.connect() as conn:
            wanted = Filter(words="Plan")
            page = listview.page(conn, LETTERS_LIST, wanted, ALL, 1)
            assert (page.total, search(conn, "Plan", ALL).lag) == (1, 1)
            assert len(listview.keys_of(conn, LETTERS_LIST, wanted, ALL, 1)) == 2
            assert listview.count(conn, LETTERS_LIST, wanted, ALL, 1, whole=True) == 2


def test_a_library_that_fails_while_it_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is trouble of the surroundings, told and tried again; a damaged index leaves no name behind."""
    def full(*_: Any) -> bool:
        raise ValueError("No space left on device")

    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        work.ingest([message_record(mail("one", "From: a@x.example\r\nSubject: Plan", "Anbei."))])
        follower = Follower(engine, config.data, lambda: False)
        with monkeypatch.context() as patch:
            patch.setattr(index_follower, "build", full)
            with pytest.raises(OSError, match="No space"):
                follower.round()
        follower.close()
        follow(config, engine)
        read = index_store.current(config.data)
        assert read is not None
        with monkeypatch.context() as patch:
            patch.setattr(index_follower, "Writing", Incomplete)
            assert follower.round() == 0
        assert not read.exists() and not (index_store.folder(config.data) / index_store.CURRENT).exists()
        follow(config, engine)
        with engine.connect() as conn:
            assert search(conn, "Plan", ALL).indexed


def test_an_index_of_an_older_version_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read, which the page says; the next round makes the new one, and the old one goes."""
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        work.ingest([message_record(mail("one", "From: a@x.example\r\nSubject: 東京", "Anbei."))])
        with monkeypatch.context() as patch:
            patch.setattr(index_schema, "VERSION", index_schema.VERSION - 1)
            follow(config, engine)
            old = index_store.current(config.data)
        assert old is not None
        with engine.connect() as conn:
            before = search(conn, "東京", ALL)
            assert (before.total, before.unindexed) == (1, True)
            follow(config, engine)
            after = search(conn, "東京", ALL)
            assert (after.total, after.indexed, after.unindexed) == (1, True, False)
        assert index_store.current(config.data) not in (None, old) and not old.exists()


class Incomplete(Writing):
    """An index as a crash may leave it."""

    def __init__(self, generation: Path) -> None:
        super().__init__(generation)
        self.mark = None
