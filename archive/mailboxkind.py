"""What a mailbox is for, told by its name as Outlook, Thunderbird, Apple Mail and Dovecot make it (de, en). Pure."""

import re
from functools import lru_cache

# In the order in which people look for them.
_KINDS = {
    "inbox": {"inbox"},
    "sent": {"sent", "sent items", "sent messages", "gesendet", "gesendete objekte", "gesendete elemente"},
    "submitted": set[str](),
    "drafts": {"drafts", "entwürfe"},
    "archive": {"archive", "archives", "archiv"},
    "folder": set[str](),
    "junk": {"junk", "spam", "junk e-mail", "junk-e-mail", "unerwünscht"},
    "trash": {"trash", "deleted items", "deleted messages", "papierkorb", "gelöschte objekte", "gelöschte elemente"},
}
ORDER = list(_KINDS)
_ROOT = re.compile(r"INBOX[./](?=.)", re.IGNORECASE)


def bare_name(name: str) -> str:
    """Without the INBOX that some servers put before every mailbox."""
    return _ROOT.sub("", name)


@lru_cache(maxsize=10_000)
def kind_of(name: str) -> str:
    """inbox, sent, drafts, archive, junk, trash, or folder."""
    bare = bare_name(name).strip().lower()
    return next((kind for kind, names in _KINDS.items() if bare in names), "folder")
