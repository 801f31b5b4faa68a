"""What a mailbox is for, told by its name as Outlook, Thunderbird, Apple Mail and Dovecot make it (de, en). Pure."""

import re
from functools import lru_cache

from postbuch.archive.index_text import fold
from postbuch.archive.mailboxname import without_mark

# In the order in which people look for them.
_KINDS = {
    "inbox": {"inbox", "posteingang"},
    "sent": {"sent", "sent items", "sent messages", "gesendet", "gesendete objekte", "gesendete elemente"},
    "submitted": set[str](),
    "drafts": {"drafts", "entwürfe"},
    "archive": {"archive", "archives", "archiv"},
    "folder": set[str](),
    "junk": {"junk", "spam", "junk e-mail", "junk-e-mail", "unerwünscht"},
    "trash": {"trash", "deleted items", "deleted messages", "papierkorb", "gelöschte objekte", "gelöschte elemente"},
}
# What a page calls each of them, in English and in German, whatever the provider does.
SHOWN = {
    "inbox": ("Inbox", "Posteingang"), "sent": ("Sent", "Gesendet"), "drafts": ("Drafts", "Entwürfe"),
    "junk": ("Junk", "Unerwünscht"), "trash": ("Trash", "Papierkorb"), "archive": ("Archive", "Archiv"),
}  # fmt: skip
ORDER = list(_KINDS)
_ROOTS = ("inbox.", "inbox/")
_ROOT = re.compile(r"INBOX[./](?=.)", re.IGNORECASE)


def bare_name(name: str) -> str:
    """Without the INBOX that some servers put before every mailbox."""
    return _ROOT.sub("", name)


def identity(name: str) -> str:
    """The same for all mailboxes that are one to a reader: their use, else the name that a page shows."""
    kind = kind_of(name)
    return bare_name(name).strip().lower() if kind == "folder" else kind


@lru_cache(maxsize=10_000)
def kind_of(name: str) -> str:
    """inbox, sent, drafts, archive, junk, trash, or folder."""
    bare = bare_name(without_mark(name)).strip().lower()
    return next((kind for kind, names in _KINDS.items() if bare in names), "folder")


def shown_of(kind: str) -> tuple[str, ...]:
    """What a page calls mailboxes of a use, in each language; nothing for what goes by a name of its own."""
    return SHOWN.get(kind, ())


def called(text: str) -> set[str]:
    """The names, in small letters, of all mailboxes that are the one called so: of the same use, or in the root."""
    bare, kind = bare_name(text).strip().lower(), kind_of(text)
    return {root + name for root in ("", *_ROOTS) for name in ({bare} if kind == "folder" else _KINDS[kind])}


def called_like(text: str) -> set[str]:
    """The same of the uses by whose name on a page somebody may mean them, of which the text is a part."""
    sought = fold(text.strip())
    meant = [shown[0] for shown in SHOWN.values() if sought and any(sought in fold(name) for name in shown)]
    return set().union(*map(called, meant), called(text) if kind_of(text) != "folder" else ())
