"""How long whole pages take at the server: the real application, asked as its process asks it (WSGI), with the log-in,
the record of the view, the side bar and the HTML. No network, no browser.

For one who may read all accounts and for an employee who may read 3 of 50. Each page is asked for once to warm up, then
in random order; its addresses differ each time.
"""

import random
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from flask.testing import FlaskClient
from letters import ACCOUNTS, OPENED, account_of, sender_of
from sqlalchemy import Connection, select

from postbuch.archive import database, filtergrammar, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.filterform import Condition, Filter, Order
from postbuch.archive.letters import Cursor
from postbuch.archive.schema import letter
from postbuch.webmail.app import create_app, settle
from postbuch.webmail.listing import write_cursor
from postbuch.webmail.services import EXTENSION

# The accounts of the employee.
THREE = (3, 17, 40)
PASSWORD = "Postbuch-bench-1"
PAGES = 20
# A page that takes seconds is known after some; this holds the run to some minutes.
LONGEST_S, LEAST = 20.0, 5
DEEP = 1_000 * 50
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')

Kinds = dict[str, Callable[[int], tuple[str, dict[str, Any]]]]


def pages(config: Config, count: int, common: Sequence[str], rare: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Milliseconds by page, for each of the two. `common`, `rare`: words to search for."""
    local = config.model_copy(update={
        "web": config.web.model_copy(update={"listen": "http://127.0.0.1:1", "public_url": "http://127.0.0.1:1"})
    })  # fmt: skip
    with database.connection(config, Role.OWNER) as conn:
        for login, accounts in (("pruefer@firma.example", [None]), (account_of(3), [account_of(n) for n in THREE])):
            if users.find_user(conn, login) is not None:
                continue  # in a kept archive
            users.create_user(conn, login, role="employee" if accounts[0] else "admin", password=PASSWORD)
            for each in accounts:
                users.grant(conn, login, each, by="bench")
        kinds = {
            "all accounts": _kinds(conn, count, common, rare, range(1, ACCOUNTS + 1)),
            "3 of 50 accounts": _kinds(conn, count, common, rare, THREE),
        }
    app = create_app(local)
    settle()
    try:
        found = {}
        for name, login in (("all accounts", "pruefer@firma.example"), ("3 of 50 accounts", account_of(3))):
            client = app.test_client()
            token = _TOKEN.search(client.get("/login").text)
            assert token
            answer = client.post("/login", data={"csrf_token": token[1], "login": login, "password": PASSWORD})
            assert answer.status_code == 302, answer.text
            found[name] = _measure(client, kinds[name])
        return found
    finally:
        app.extensions[EXTENSION].close()


def _measure(client: FlaskClient, kinds: Kinds) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in kinds}
    asked = [(name, place) for name in kinds for place in range(1, PAGES + 1)]
    random.Random(7).shuffle(asked)
    for name, place in [*((name, 0) for name in kinds), *asked]:
        if len(times[name]) >= LEAST and sum(times[name]) > 1000 * LONGEST_S:
            continue
        path, arguments = kinds[name](place)
        start = time.perf_counter()
        answer = client.get(path, query_string=arguments)
        took = 1000 * (time.perf_counter() - start)
        assert answer.status_code == 200, (name, path, arguments, answer.status_code)
        if place:
            times[name].append(took)
    return times


def _kinds(
    conn: Connection, count: int, common: Sequence[str], rare: Sequence[str], accounts: Sequence[int]
) -> Kinds:
    deep = [_cursor(conn, min(DEEP + 977 * place, count // 2)) for place in range(PAGES + 1)]
    mine = [number for number in range(count, 0, -1) if number % OPENED < 2 and number % ACCOUNTS + 1 in accounts]

    def lists(**wanted: Any) -> Callable[[int], tuple[str, dict[str, Any]]]:
        return lambda place: ("/", filtergrammar.write(Filter(**wanted)))

    def account(place: int) -> int:
        return accounts[place % len(accounts)]

    def from_(place: int) -> Filter:
        return Filter(conditions=(Condition(field="from", op="equals", value=sender_of(3 * place)),))

    def number(place: int) -> int:
        return mine[place * 7 % len(mine)]

    def family(place: int) -> Filter:
        kind = ("pdf", "image", "document", "sheet", "archive")[place % 5]
        return Filter(conditions=(Condition(field="family", op="equals", value=kind),))

    return {
        "all letters": lists(),
        "page 1,000": lambda place: ("/", {"before": deep[place]}),
        "unread": lists(tab="unread"),
        "incoming": lists(tab="in"),
        "outgoing": lists(tab="out"),
        "one account": lambda place: ("/", {"account": account(place)}),
        "one mailbox": lambda place: ("/", {"account": account(place), "mailbox": account(place) + ACCOUNTS}),
        "of one sender": lambda place: ("/", filtergrammar.write(from_(place))),
        "sorted by sender": lists(order=(Order(field="from", descending=False),)),
        "sorted by subject": lists(order=(Order(field="subject", descending=False),)),
        "search, common word": lambda place: ("/", {"q": common[place % len(common)]}),
        "search, rare word": lambda place: ("/", {"q": rare[place % len(rare)]}),
        "how a search is spread": lambda place: ("/spread", {"q": common[place % len(common)]}),
        "topics": lambda place: ("/topics", {}),
        "one topic": lambda place: (f"/m/{number(place)}/topic", {}),
        "attachments": lambda place: ("/media", {}),
        "attachments of one kind": lambda place: ("/media", filtergrammar.write(family(place))),
        "senders": lambda place: ("/senders", {}),
        "one letter": lambda place: (f"/m/{number(place)}", {}),
    }


def _cursor(conn: Connection, place: int) -> str:
    newest = select(letter.c.sort_at, letter.c.id).order_by(letter.c.sort_at.desc(), letter.c.id.desc())
    row = conn.execute(newest.offset(place).limit(1)).one()
    return write_cursor(Cursor(sort_at=row.sort_at, letter_id=row.id))
