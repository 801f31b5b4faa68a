"""`postbuch search`, `get` and `show`: finding a letter, its octets, everything that is known about it.

The command line reads every account: who may run it may read the data folder as well. `--as LOGIN` reads what that
user may. Each look is on record first, also one that finds nothing.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from postbuch.archive import audit, letterfacts, letters, said, systemwords
from postbuch.archive import search as searching
from postbuch.archive.config import Config
from postbuch.archive.dkimagain import check_again, verifies
from postbuch.archive.dkimparser import SignatureParser
from postbuch.archive.dkimreasons import Doubt
from postbuch.archive.dkimrows import MATCHING
from postbuch.archive.errors import UsageError
from postbuch.cli import output
from postbuch.cli.actor import ORIGIN, actor
from postbuch.cli.connection import connect
from postbuch.cli.language import tell, translate_plural
from postbuch.cli.language import translate as _
from postbuch.cli.options import MAX_LIMIT, ConfigOption, JsonOption, load
from postbuch.cli.reader import AsOption, Reader, reader

DEFAULT_LIMIT = 50
# How a message came here, and what upstream answered, as tables and JSON have them.
_WORDS = {
    "fetch": _("fetched"), "append": _("filed"), "submission": _("sent"), "collector": _("collected"),
    "import": _("imported"), "accepted": _("accepted"), "refused": _("refused"), "unknown": _("answer unknown"),
}


def search(
    query: Annotated[list[str], typer.Argument(help=_('Words, "phrases" and from: subject: before: has:attachment …'))],
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_LIMIT, help=_("At most so many results, newest first."))
    ] = DEFAULT_LIMIT,
    as_user: AsOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Find letters."""
    words = " ".join(query)
    loaded = load(config)
    with connect(loaded) as connection:
        who = reader(connection, as_user)
        audit.record(connection, actor(), ORIGIN, "search", "letters", after={"query": words, **who.note})
    with connect(loaded) as connection:
        found = searching.search(connection, words, who.accounts, limit=limit, user_id=who.user_id)
    if json:
        output.print_json({
            "total": found.total, "results": found.rows, "indexed": found.indexed, "index_lag": found.lag,
        })
        return
    output.print_table(
        ("ID", _("Date"), _("From"), _("Subject")),
        [(row["id"], row["date"], row["from"], row["subject"]) for row in found.rows],
    )
    counted = translate_plural("{shown} of {total} letter", "{shown} of {total} letters", found.total)
    output.say(counted.format(shown=len(found.rows), total=found.total))
    if found.lag:
        lag = _("The index lags; letters that came last and are not in it yet: {letters}")
        output.say(lag.format(letters=found.lag))


def _asked(loaded: Config, reference: str, as_user: str) -> Reader:
    """For whom a letter is looked up; on record first, and also when there is none."""
    with connect(loaded) as connection:
        who = reader(connection, as_user)
        audit.record(connection, actor(), ORIGIN, "find", f"reference {reference}", after=who.note)
    return who


def get(
    reference: Annotated[str, typer.Argument(metavar="ID|SHA256", help=_("Number of the letter, or a digest."))],
    output_file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help=_("Where to write; else standard output."))
    ] = None,
    as_user: AsOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Give out the octets."""
    if json and output_file is None:
        raise UsageError(_("with --json name a file for the octets by --output"))
    loaded = load(config)
    who = _asked(loaded, reference, as_user)
    with connect(loaded) as connection:
        image = letters.find_image(connection, reference, who.accounts)
        octets = letters.octets(connection, loaded, image.id)
        audit.record(connection, actor(), ORIGIN, "get", f"image {image.sha256}", after=who.note)
    if output_file is None:
        output.print_octets(octets)
        return
    try:
        output_file.write_bytes(octets)
    except OSError as error:
        raise UsageError(
            _("{file}: cannot be written: {cause}").format(file=output_file, cause=tell(systemwords.cause(error)))
        ) from None
    if json:
        output.print_json({"sha256": image.sha256, "size_octets": len(octets), "output": str(output_file)})


def show(
    reference: Annotated[str, typer.Argument(metavar="ID", help=_("Number of the letter."))],
    as_user: AsOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Everything that is known; signatures are checked again, by the key records that were kept."""
    loaded = load(config)
    who = _asked(loaded, reference, as_user)
    with connect(loaded) as connection:
        letter_id = letters.find_letter(connection, reference, who.accounts)
        facts = letterfacts.read(connection, letter_id, who.accounts)
        audit.record(connection, actor(), ORIGIN, "view", f"letter {letter_id}", after=who.note)
        facts["verdicts"] = _again(connection, loaded, facts["verdicts"])
    if json:
        output.print_json(facts)
    else:
        _print_facts(facts)


def _print_facts(facts: dict[str, Any]) -> None:
    summary = facts["summary"]
    for label, key in ((_("Subject"), "subject"), (_("From"), "from_display"), (_("To"), "to_display")):
        output.print_fact(label, summary[key])
    output.print_fact(_("Arrived"), facts["sort_at"])
    for image in facts["images"]:
        sources = ", ".join(_WORDS.get(each, each) for each in image["sources"])
        output.print_fact(_("Octets"), f"{image['sha256']}  {image['size_octets']}  {sources}")
    for part in facts["parts"]:
        if part["is_attachment"]:
            text = f"{part['file_name']}  {part['content_type']}  {part['size_octets']}"
            output.print_fact(_("Attachment"), text)
    for seen in facts["sightings"]:
        output.print_fact(_("Seen"), "  ".join(filter(None, [
            seen["seen_at"], _WORDS.get(seen["source"], seen["source"]),
            f"{seen['account']} {seen['mailbox'] or ''}".rstrip(),
            _number(seen), _WORDS.get(seen["verdict"], seen["verdict"]), _recognised(seen), _gone(seen),
        ])))
    for look in facts["verdicts"]:
        _print_look(look)
    for envelope in facts["envelopes"]:
        output.print_fact(_("Sent by"), f"{envelope['mail_from']}  {envelope['code']} {envelope['answer']}")
        for each in envelope["recipients"]:
            output.print_fact(_("Recipient"), f"{each['address']}  {each['code']} {each['text']}")


def _again(connection: Connection, config: Config, looks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with SignatureParser() as parser:
        return [
            check_again(parser, letters.octets(connection, config, look["image_id"]), look)
            if look["signatures"] else look
            for look in looks
        ]  # fmt: skip


def _print_look(look: dict[str, Any]) -> None:
    """What the signatures of one image were worth, and what comes out today."""
    label = _("Signature")
    output.print_line(f"{label}: {tell(look['says'])}")
    for each in look["signatures"]:
        reason = tell(said.understood(each["reason"], Doubt))
        output.print_line("  ".join(filter(None, [f"  {each['domain']}", each["selector"], each["verdict"], reason])))
        if each["verdict"] in MATCHING:
            output.print_line("    " + (
                _("verifies again today, by the key record kept that day") if verifies(each)
                else _("does NOT verify again by the key record that was kept: {verdict}").format(verdict=each["again"])
            ))


def _number(seen: dict[str, Any]) -> str:
    """Where in its mailbox: another UIDVALIDITY is another mailbox of that name, or one that was made anew."""
    uidvalidity, uid = seen["uidvalidity"] or seen["answer_uidvalidity"], seen["uid"] or seen["answer_uid"]
    return f"UIDVALIDITY {uidvalidity} UID {uid}" if uidvalidity and uid else ""


def _recognised(seen: dict[str, Any]) -> str:
    return _("not fetched again: {name}").format(name=seen["recognised_by"]) if seen["recognised_by"] else ""


def _gone(seen: dict[str, Any]) -> str:
    if not seen["gone_at"]:
        return ""
    if seen["gone_because"] == "mailbox":
        return _("the mailbox was gone at {time}").format(time=seen["gone_at"])
    return _("it was gone from there at {time}").format(time=seen["gone_at"])
