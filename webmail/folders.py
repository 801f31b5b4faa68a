"""The sidebar: accounts and their mailboxes with what is unread, and what mailboxes are called in two languages."""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from postbuch.archive import letters, savedsearches
from postbuch.archive.mailboxkind import ORDER, bare_name
from postbuch.archive.mailboxkind import kind_of as kind_of
from postbuch.archive.savedsearches import Saved
from postbuch.archive.users import Rights
from postbuch.webmail.language import gettext
from postbuch.webmail.listing import Listing
from postbuch.webmail.services import services
from postbuch.webmail.sessions import Viewer

# Letters that are looked at for all numbers of unread letters: each is four look-ups in indexes, 8 µs together, 0.2 s
# when no number is kept. In each mailbox so many at least, however many there are. Older ones are not counted.
UNREAD_WITHIN = 25_000
UNREAD_LEAST = 500
# A page counts numbers that are too old for no longer than this; the rest are the turn of the next page.
RECOUNT_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One mailbox of the sidebar. `kind` says which icon it gets; `depth` counts the folders it lies in."""

    account_id: int
    mailbox_id: int
    name: str
    kind: str
    depth: int
    unread: int
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account with its mailboxes, the inbox first."""

    id: int
    address: str
    folders: tuple[Folder, ...]
    unread: int
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidebar:
    """All of it, and what the current choice is called. mailboxes: as `letters.mailboxes` tells them."""

    mailboxes: list[dict[str, Any]]
    accounts: list[Account]
    unread: int
    current: str
    saved: list[Saved]

    @property
    def own(self) -> str:
        """The address whose list is shown; empty when it is the list of several."""
        chosen = [account.address for account in self.accounts if account.current or len(self.accounts) == 1]
        return chosen[0] if chosen else ""

    def place_of(self, wanted: Listing) -> str:
        """What the account or the mailbox of a list is called; empty when it is of all."""
        if wanted.account is None and wanted.mailbox is None:
            return ""
        for account in self.accounts:
            if wanted.account not in (None, account.id):
                continue
            if wanted.mailbox is None:
                return account.address
            for folder in account.folders:
                if folder.mailbox_id == wanted.mailbox:
                    return f"{folder.name} · {account.address}" if wanted.account else folder.name
        return gettext("Account") if wanted.mailbox is None else gettext("Mailbox")


def shown_name(name: str | None) -> str:
    """What people call the mailbox. None stands for what was submitted and lies in no mailbox."""
    if name is None:
        return gettext("Sent through Postbuch")
    bare = bare_name(name)
    # Said in the reader's language; what an archive or a folder of one's own is called stays as its owner wrote it.
    match kind_of(bare):
        case "inbox":
            return gettext("Inbox")
        case "sent":
            return gettext("Sent")
        case "drafts":
            return gettext("Drafts")
        case "junk":
            return gettext("Junk")
        case "trash":
            return gettext("Trash")
        case "archive":
            return gettext("Archive")
        case _:
            return bare


def mark_read(
    conn: Connection, numbers: list[int], user_id: int, read: bool, accounts: Rights, at: datetime | None = None
) -> list[int]:
    """`letters.mark_read`, after which the user's numbers of their mailboxes are counted anew."""
    changed = letters.mark_read(conn, numbers, user_id, read, accounts, at)
    if changed:
        services().unread.forget(user_id, letters.mailboxes_of(conn, changed))
    return changed


def _mailboxes(conn: Connection, who: Viewer) -> list[dict[str, Any]]:
    """Those of `letters.mailboxes`, with `unread`."""
    found = letters.mailboxes(conn, who.accounts)
    kept, within = services().unread, max(UNREAD_LEAST, UNREAD_WITHIN // max(len(found), 1))
    seen = letters.last_seen(conn, who.accounts)
    numbered = [
        (((each["account_id"], each["mailbox_id"]), who.accounts, each["newest"]), seen.get(each["account_id"]), each)
        for each in found
    ]
    end = time.monotonic() + RECOUNT_S
    # The oldest numbers first, so that each gets its turn, however many mailboxes there are.
    for key, stamp, facts in sorted(numbered, key=lambda each: kept.until(who.user_id, each[0], each[1])):
        count = partial(letters.unread, conn, *key[0], who.user_id, who.accounts, within)
        facts["unread"] = kept.get(who.user_id, key, count, stamp=stamp, old_too=time.monotonic() > end)
    return found


def sidebar(conn: Connection, who: Viewer, wanted: Listing) -> Sidebar:
    """The accounts that may be read and their mailboxes."""
    accounts: dict[int, Account] = {}
    current = ""
    found: dict[int, list[tuple[int, Folder]]] = {}
    mailboxes = _mailboxes(conn, who)
    for facts in mailboxes:
        name: str | None = facts["mailbox"]
        kind = "submitted" if name is None else kind_of(name)
        here = (wanted.account, wanted.mailbox) == (facts["account_id"], facts["mailbox_id"]) and not wanted.query
        shown = shown_name(name)
        folder = Folder(
            account_id=facts["account_id"], mailbox_id=facts["mailbox_id"], name=shown, kind=kind,
            depth=min(shown.count("/"), 3), unread=facts["unread"], current=here,
        )
        if here:
            current = shown
        found.setdefault(folder.account_id, []).append((ORDER.index(kind), folder))
        accounts.setdefault(folder.account_id, Account(
            id=folder.account_id, address=facts["account"], folders=(), unread=0, current=False
        ))
    made = []
    for account in accounts.values():
        in_order = sorted(found[account.id], key=lambda pair: (pair[0], pair[1].name.lower()))
        listed = tuple(folder for _, folder in in_order)
        chosen = account.id == wanted.account and not wanted.query
        made.append(Account(
            id=account.id, address=account.address, folders=listed, unread=sum(each.unread for each in listed),
            current=chosen,
        ))
        if chosen and wanted.mailbox is None:
            current = account.address
    kept = savedsearches.listed(conn, who.user_id)
    return Sidebar(
        mailboxes=mailboxes, accounts=made, unread=sum(each.unread for each in made),
        current=current or gettext("Letters"), saved=kept,
    )
