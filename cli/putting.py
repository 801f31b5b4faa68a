"""`postbuch put`: what a search finds back into mailboxes at the provider."""

from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import Engine

from postbuch.archive import accounts, audit, database, export, putting, said
from postbuch.archive.collect_connection import UpstreamTrouble
from postbuch.archive.collect_credentials import Finder
from postbuch.archive.config import Config, Upstream
from postbuch.archive.database import Role
from postbuch.archive.errors import ServiceMissing, UsageError
from postbuch.archive.ingest import Ingester
from postbuch.archive.objects import ObjectStore
from postbuch.archive.parser import Parser
from postbuch.archive.put_session import PutSession
from postbuch.archive.putting import Put, Putting
from postbuch.archive.reasons import Outward
from postbuch.certs.trust import client_context
from postbuch.cli import output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import running
from postbuch.cli.language import tell
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load


def put(
    query: Annotated[list[str], typer.Argument(help=_('Words, "phrases" and from: subject: before: has:attachment …'))],
    account: Annotated[str, typer.Option(metavar="ADDRESS", help=_("The account that gets the messages."))],
    mailbox: Annotated[
        str, typer.Option(help=_("Mailbox below which the tree is made; without it each goes to where it was."))
    ] = "",
    source: Annotated[
        str, typer.Option("--from", metavar="ADDRESS", help=_("The account that they were in, when it is another."))
    ] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """One result line a message with --json; exit code 1 when one was refused or is kept otherwise."""
    loaded = load(config)
    target, owner = account.strip().lower(), (source or account).strip().lower()
    served = loaded.upstream_for(target)
    if served is None:
        raise UsageError(
            _("no [[upstream]] of the configuration serves '{address}'; add its domain to one").format(address=target)
        )
    results: Counter[str] = Counter()
    with running(loaded), database.pool(loaded, Role.INGEST) as engine:
        number, boxes = _plan(engine, " ".join(query), target, owner, mailbox)
        total = sum(map(len, boxes.values()))
        try:
            with _session(loaded, engine, served, target) as session, Parser() as parser:
                work = Putting(
                    loaded, engine, Ingester(engine, ObjectStore(loaded.data), parser), session, account=target,
                    upstream=served.name, prefix=mailbox,
                )  # fmt: skip
                for one in output.progress(work.run(boxes, number, owner), _("Putting back"), total, shown=not json):
                    results[one.result] += 1
                    _tell(one, json=json)
        except UpstreamTrouble as error:
            raise ServiceMissing(
                _("{problem}; run the same command again, it goes on from here").format(problem=tell(said.of(error)))
            ) from error
    if not json:
        text = _("{put} put back, {there} were there already, {altered} are kept otherwise, {refused} refused")
        names = ("put", "there", "altered", "refused")
        output.say(text.format(**{name: results[name] for name in names}))
    raise typer.Exit(1 if results["refused"] or results["altered"] else 0)


def _plan(
    engine: Engine, words: str, target: str, owner: str, mailbox: str
) -> tuple[int, dict[str | None, "array[int]"]]:
    """The number of the account that the messages are from, and what goes where; on record before anything does."""
    with engine.begin() as conn:
        number = accounts.number_of(conn, owner)
        found = export.find(conn, words, frozenset({number}))
        after = {"query": words, "from": owner, "mailbox": mailbox, "letters": len(found)}
        audit.record(conn, actor(), ORIGIN, "put", f"account {target}", after=after)
        return number, putting.plan(conn, found, number)


@contextmanager
def _session(config: Config, engine: Engine, served: Upstream, target: str) -> Iterator[PutSession]:
    """Logged in as the collector does. Raises UsageError when no password is known, UpstreamTrouble."""
    with engine.connect() as conn:
        number = accounts.find_account(conn, target)
    log_in = None if number is None else Finder(config, engine)(number)
    if log_in is None:
        raise UsageError(Outward.NOTHING_TO_LOG_IN.said(account=target))
    trust = client_context(served.ca_file) if served.imap_endpoint.scheme == "imaps" else None
    session = PutSession(served.imap_endpoint, trust, log_in)
    try:
        yield session
    finally:
        session.close()


def _tell(one: Put, *, json: bool) -> None:
    if json:
        output.print_json_line(asdict(one))
    elif one.reason:
        output.say_problem(f"{one.mailbox} {one.sha256}: {tell(one.reason)}")
