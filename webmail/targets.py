"""What the events of the record are about, and what their values are called, in the words of the pages.

The record, the CSV and programs keep `letter 12`. What is not known here is shown as it was recorded.
"""

import re
from typing import Any

from postbuch.webmail.language import gettext, lazy_gettext

WHOLE: dict[str, Any] = {
    "letters": lazy_gettext("letters"),
    "letters of a list": lazy_gettext("letters of a list"),
    "count of letters": lazy_gettext("count of letters"),
    "count of letters by month": lazy_gettext("count of letters by month"),
    "list all": lazy_gettext("list of all letters"),
    "topics": lazy_gettext("topics"),
    "topics list all": lazy_gettext("list of all topics"),
    "attachments": lazy_gettext("attachments"),
    "media": lazy_gettext("list of attachments"),
    "senders": lazy_gettext("senders"),
    "suggestions": lazy_gettext("suggestions while typing"),
    "spread": lazy_gettext("spread of what was found"),
    "searches": lazy_gettext("kept searches"),
    "views": lazy_gettext("kinds of lists"),
    "jobs": lazy_gettext("exports"),
    "keys": lazy_gettext("keys for programs"),
    "key": lazy_gettext("key of the mail passwords"),
    "links": lazy_gettext("links to other programs"),
    "accounts": lazy_gettext("accounts"),
    "all accounts": lazy_gettext("all accounts"),
    "users": lazy_gettext("users"),
    "departments": lazy_gettext("departments"),
    "archive": lazy_gettext("the archive"),
    "index": lazy_gettext("index of the search"),
    "ledger": lazy_gettext("the ledger"),
    "audit log": lazy_gettext("the audit log"),
    "system": lazy_gettext("page “System”"),
    "completeness": lazy_gettext("page “Completeness”"),
    "verification": lazy_gettext("page “Unchanged”"),
    "web": lazy_gettext("web mail"),
    "ftps": lazy_gettext("attachments by FTPS"),
    "me": lazy_gettext("whose key it is"),
}
# How a target begins, and the sentence that takes what follows. The first that fits counts.
BEGINNINGS: dict[str, Any] = {
    "topic of letter ": lazy_gettext("topic of letter %(what)s"),
    "letter ": lazy_gettext("letter %(what)s"),
    "letters ": lazy_gettext("letters %(what)s"),
    "image ": lazy_gettext("form %(what)s of a letter"),
    "message-id ": lazy_gettext("letter with the Message-ID %(what)s"),
    "reference ": lazy_gettext("letter with the number or digest %(what)s"),
    "attachment ": lazy_gettext("attachment %(what)s"),
    "attachments/": lazy_gettext("folder of attachments %(what)s"),
    "account ": lazy_gettext("account %(what)s"),
    "user ": lazy_gettext("user %(what)s"),
    "department ": lazy_gettext("department %(what)s"),
    "key ": lazy_gettext("key for a program, number %(what)s"),
    "job ": lazy_gettext("export %(what)s"),
    "link ": lazy_gettext("link to another program, number %(what)s"),
    "page ": lazy_gettext("page %(what)s"),
    "search ": lazy_gettext("search for %(what)s"),
}
VALUES: dict[str, Any] = {
    "account": lazy_gettext("account"), "accounts": lazy_gettext("accounts"), "action": lazy_gettext("action"),
    "active": lazy_gettext("active"), "actor": lazy_gettext("who"), "archive": lazy_gettext("archived"),
    "changed": lazy_gettext("changed"), "checkpoints": lazy_gettext("checkpoints"),
    "columns": lazy_gettext("columns"), "count": lazy_gettext("number"), "counted": lazy_gettext("counted"),
    "credentials": lazy_gettext("passwords"), "exclude": lazy_gettext("left out"), "files": lazy_gettext("files"),
    "format": lazy_gettext("format"), "found": lazy_gettext("found"), "from": lazy_gettext("from account"),
    "full": lazy_gettext("everything"), "given": lazy_gettext("octets given"), "image": lazy_gettext("form"),
    "key": lazy_gettext("key"), "language": lazy_gettext("language"), "letters": lazy_gettext("letters"),
    "list": lazy_gettext("list"), "made_at": lazy_gettext("made on"), "mailbox": lazy_gettext("mailbox"),
    "may read": lazy_gettext("may read"), "members": lazy_gettext("members"), "messages": lazy_gettext("messages"),
    "missing": lazy_gettext("missing"), "name": lazy_gettext("name"), "offset": lazy_gettext("from place"),
    "orderby": lazy_gettext("order"), "output": lazy_gettext("into the file"), "page": lazy_gettext("page"),
    "page_size": lazy_gettext("rows of a page"), "pagesize": lazy_gettext("rows of a page"),
    "part": lazy_gettext("part"), "paths": lazy_gettext("from the files"), "problems": lazy_gettext("problems"),
    "q": lazy_gettext("searched for"), "qs": lazy_gettext("searched for"), "query": lazy_gettext("searched for"),
    "read": lazy_gettext("read"), "reason": lazy_gettext("reason"), "role": lazy_gettext("role"),
    "scope": lazy_gettext("right"), "scopes": lazy_gettext("rights"), "sha256": lazy_gettext("digest"),
    "since": lazy_gettext("since"), "size_octets": lazy_gettext("octets"), "tab": lazy_gettext("tab"),
    "target": lazy_gettext("on what"), "template": lazy_gettext("address"), "text": lazy_gettext("words"),
    "unread": lazy_gettext("unread"), "until": lazy_gettext("until"), "upstream": lazy_gettext("provider"),
    "user": lazy_gettext("user"), "within": lazy_gettext("within"),
}  # fmt: skip
_COUNTED = re.compile(r"((?:list|search) .*) counted", re.DOTALL)
_BESIDE = re.compile(r"((?:list|search) .*) beside letter ([0-9]+)", re.DOTALL)
_DIGEST = re.compile(r"\b([0-9a-f]{64})\b")


def name(target: str) -> str:
    """In the reader's language."""
    if target in WHOLE:
        return str(WHOLE[target])
    if found := _COUNTED.fullmatch(target):
        return gettext("%(what)s, counted", what=name(found[1]))
    if found := _BESIDE.fullmatch(target):
        return gettext("%(what)s, beside letter %(number)s", what=name(found[1]), number=found[2])
    for beginning, sentence in BEGINNINGS.items():
        if target.startswith(beginning):
            return str(sentence) % {"what": target.removeprefix(beginning)}
    kind, _, rest = target.partition(" ")
    if kind == "topics":
        return gettext("topics, %(what)s", what=name(rest))
    if kind == "list":
        return gettext("list: %(what)s", what=str(WHOLE[rest]) if rest in WHOLE else _narrowed(rest))
    return target


def _narrowed(text: str) -> str:
    """What a list was narrowed by, as `Listing.name` writes it: `account 3, mailbox INBOX`."""
    pairs = (each.partition(" ") for each in text.split(", "))
    return ", ".join(value_name(key) + space + value for key, space, value in pairs)


def value_name(key: str) -> str:
    """What a value of an event is called."""
    return str(VALUES.get(key, key))


def recorded(text: str) -> str:
    """The target that somebody means who types what the pages show, or what the record says."""
    if text in WHOLE:
        return text
    for target, shown in WHOLE.items():
        if text == str(shown):
            return target
    sentences = [(*str(sentence).split("%(what)s"), beginning) for beginning, sentence in BEGINNINGS.items()]
    # The longest first: “letter with the number …” begins like “letter 12”.
    for head, tail, beginning in sorted(sentences, key=lambda each: -len(each[0])):
        if text.startswith(head) and text.endswith(tail) and len(text) > len(head) + len(tail):
            return beginning + text[len(head) : len(text) - len(tail)]
    return text


def pieces(text: str) -> list[str]:
    """The text cut at the digests in it: every second piece, from the second on, is one."""
    return _DIGEST.split(text)
