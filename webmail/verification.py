"""For admins and auditors: whether the archive is as it was written, what the checks found, when the next one is."""

from typing import Any

from flask import Blueprint, abort, render_template

from postbuch.archive import audit, checkplan, checkreport, ledgerkey
from postbuch.archive.checkmemory import Memory
from postbuch.archive.findings import Kind
from postbuch.archive.signednote import NoteInvalid
from postbuch.webmail import folders
from postbuch.webmail.language import gettext
from postbuch.webmail.listing import Listing
from postbuch.webmail.record import on_record
from postbuch.webmail.services import services
from postbuch.webmail.sessions import login_required, viewer

blueprint = Blueprint("verification", __name__)

# Of one sort; the command line lists up to a thousand.
PLACES = 20


@blueprint.route("/verification")
@login_required
def page() -> str:
    """The last checks of archive against ledger."""
    if not viewer().oversees:
        abort(403)
    config = services().config
    with services().transaction() as conn:
        on_record(conn, "status", "verification")
        side = folders.sidebar(conn, viewer(), Listing())
        current = checkreport.current(conn)
        checks, plan = checkreport.recent(conn), checkplan.look(conn, config.verify)
        signed = checkreport.last_signed(conn)
        try:
            keys = [str(key) for key in ledgerkey.public_keys(conn)]
        except NoteInvalid:
            keys = []  # a finding of the checks
    return render_template(
        "verification.html", sidebar=side, listing=Listing(), current=current, wrong=_wrong(current), checks=checks,
        plan=plan, signed=signed, keys=keys[::-1], halted=Memory(config.data).halted(), now=audit.now(),
        names=_names(), words=_words(), detail=checkreport.detail, places=PLACES, scopes=_scopes(),
        folders_told=list(config.ledger.checkpoint_dirs), authority=config.ledger.tsa_url,
    )


def _wrong(current: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Kind → its findings, each once though two checks have found it."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for report in current.values():
        for each in report["findings"]:
            found.setdefault(each["kind"], {})[f"{each['where']} {each['detail']}"] = each
    return {kind: list(places.values()) for kind, places in found.items()}


def _scopes() -> dict[str, str]:
    return {checkplan.FULL: gettext("everything"), checkplan.INCREMENTAL: gettext("what is new, and a sample")}


def _names() -> dict[str, str]:
    return {kind.value: words for kind, words in {
        Kind.ROW_CHANGED: gettext("Facts were changed"),
        Kind.ROW_REMOVED: gettext("Facts were removed"),
        Kind.ROW_INSERTED: gettext("Facts were added"),
        Kind.OCTETS_CHANGED: gettext("A message was changed"),
        Kind.OBJECT_MISSING: gettext("An attachment is missing"),
        Kind.OBJECT_CHANGED: gettext("An attachment was changed"),
        Kind.OBJECT_EXTRA: gettext("A file too many"),
        Kind.NAME_MISSING: gettext("A readable name of an attachment is missing"),
        Kind.NAME_CHANGED: gettext("Another file has the readable name of an attachment"),
        Kind.NAME_EXTRA: gettext("A file too many among the readable names"),
        Kind.LEAF_REMOVED: gettext("A leaf of the ledger is missing"),
        Kind.LEAF_MISPLACED: gettext("A leaf of the ledger is in a wrong place"),
        Kind.LEAF_UNKNOWN: gettext("A leaf of the ledger stands for nothing"),
        Kind.NODE_CHANGED: gettext("The ledger does not agree with itself"),
        Kind.ROOT_CHANGED: gettext("The ledger is not what was signed"),
        Kind.TAIL_CUT: gettext("The end of the archive is missing"),
        Kind.CHECKPOINT_CHANGED: gettext("A checkpoint was changed"),
        Kind.CHECKPOINT_REMOVED: gettext("A checkpoint is missing"),
        Kind.CHECKPOINT_UNSIGNED: gettext("A checkpoint is not signed by this archive"),
        Kind.KEY_UNKNOWN: gettext("The key of the ledger is not the right one"),
        Kind.STAMP_WRONG: gettext("A time stamp is not good"),
        Kind.UNSEALED: gettext("The ledger takes nothing more"),
        Kind.RIGHT_TOO_MANY: gettext("A user of the database may do too much"),
        Kind.GUARD_GONE: gettext("A guard of the database is gone"),
    }.items()}  # fmt: skip


def _words() -> dict[str, str]:
    """What each means, and what to do."""
    rows = gettext("Compare the rows with a backup from before; the program itself never changes them.")
    file = gettext(
        "A failing disk can be the cause as well as a person: look at the log of the system, and compare the file "
        "with a backup."
    )
    signed = gettext(
        "Compare with a copy of the checkpoints that is kept elsewhere: “postbuch verify --full --checkpoint FILE”."
    )
    repair = gettext("The key is in the backup of the folder “keys”. If it was changed on purpose, ask who did that.")
    return {kind.value: f"{what} {then}" for kind, (what, then) in {
        Kind.ROW_CHANGED: (gettext("What stands in the database is not what was sealed when it was written."), rows),
        Kind.ROW_REMOVED: (gettext("It was sealed and is not in the database any more."), rows),
        Kind.ROW_INSERTED: (gettext("It was put into the database past the program and was never sealed."), rows),
        Kind.OCTETS_CHANGED: (gettext("It does not come back octet for octet as it was received."), file),
        Kind.OBJECT_MISSING: (gettext("The file is not where it was stored, or cannot be read."), file),
        Kind.OBJECT_CHANGED: (gettext("The file has other content than when it was stored."), file),
        Kind.OBJECT_EXTRA: (
            gettext("It lies among the attachments and belongs to no message."),
            gettext("No message is affected. Find out who put it there before you move it away."),
        ),
        Kind.NAME_MISSING: (
            gettext("It is not in the folder that people read the attachments from. The attachment itself is kept."),
            gettext("“postbuch reindex --names” makes the name again."),
        ),
        Kind.NAME_CHANGED: (
            gettext("Who opens it in the folder of the attachments sees something else than what was received."),
            gettext(
                "The attachment itself is kept. Find out who did it, move the file away and call "
                "“postbuch reindex --names”."
            ),
        ),
        Kind.NAME_EXTRA: (
            gettext("It lies where people read the attachments from, and no letter has brought it."),
            gettext("No message is affected. Find out who put it there before you move it away."),
        ),
        Kind.LEAF_REMOVED: (gettext("The seal of something that was written is gone."), rows),
        Kind.LEAF_MISPLACED: (gettext("Seals were moved, or added past the program."), rows),
        Kind.LEAF_UNKNOWN: (gettext("It was added past the program."), rows),
        Kind.NODE_CHANGED: (gettext("A stored sum is not that of what it stands for."), rows),
        Kind.ROOT_CHANGED: (gettext("Something before this checkpoint was changed, removed or put in."), signed),
        Kind.TAIL_CUT: (
            gettext("More was signed than is there now: the newest entries were removed, or an old copy was put back."),
            signed,
        ),
        Kind.CHECKPOINT_CHANGED: (gettext("It says something else than when it was signed."), signed),
        Kind.CHECKPOINT_REMOVED: (gettext("It was signed and written, and one of its copies is gone."), signed),
        Kind.CHECKPOINT_UNSIGNED: (gettext("No key of this archive has signed it."), signed),
        Kind.KEY_UNKNOWN: (gettext("The keys do not follow each other, or the secret one is another."), repair),
        Kind.STAMP_WRONG: (
            gettext("The answer of the authority does not fit the checkpoint."),
            gettext("The archive itself is not affected; the time of this checkpoint has one witness less."),
        ),
        Kind.UNSEALED: (
            gettext("What is written now gets no seal."), gettext("Look at the log of the archive process today."),
        ),
        Kind.RIGHT_TOO_MANY: (
            gettext("Somebody gave it by hand what it could change or remove entries with; the triggers still hold."),
            gettext("Find out who did that. A restart of Postbuch takes the right away."),
        ),
        Kind.GUARD_GONE: (
            gettext("A trigger refuses changes of what is written once; somebody took it away or made it another."),
            gettext("Find out who did that. A restart of Postbuch makes it again."),
        ),
    }.items()}  # fmt: skip
