"""What the actions of the record are called on the pages. One that is not here is shown as it was recorded."""

from typing import Any

from postbuch.webmail.language import lazy_gettext

NAMES: dict[str, Any] = {
    "log-in": lazy_gettext("logged in"),
    "log-in-refused": lazy_gettext("log-in refused"),
    "log-out": lazy_gettext("logged out"),
    "refused": lazy_gettext("asked for what he may not see"),
    "list": lazy_gettext("looked at a list"),
    "search": lazy_gettext("searched"),
    "find": lazy_gettext("looked for a Message-ID"),
    "view": lazy_gettext("opened a letter"),
    "body": lazy_gettext("read the text"),
    "inline": lazy_gettext("saw a picture in the text"),
    "headers": lazy_gettext("read the headers"),
    "source": lazy_gettext("read the source"),
    "evidence": lazy_gettext("looked at the evidence"),
    "preview": lazy_gettext("looked at an attachment"),
    "download": lazy_gettext("downloaded an attachment"),
    "download-all": lazy_gettext("downloaded all attachments"),
    "download-message": lazy_gettext("downloaded the message"),
    "get": lazy_gettext("took out the message"),
    "export": lazy_gettext("exported letters"),
    "export-refused": lazy_gettext("asked for too large an export"),
    "put": lazy_gettext("put letters back into a mailbox"),
    "backup": lazy_gettext("made a backup"),
    "restore": lazy_gettext("restored a backup"),
    "prove": lazy_gettext("wrote a proof"),
    "mark-read": lazy_gettext("marked as read"),
    "mark-unread": lazy_gettext("marked as unread"),
    "status": lazy_gettext("looked at the system"),
    "audit-read": lazy_gettext("read the audit log"),
    "audit-export": lazy_gettext("exported the audit log"),
    "verify": lazy_gettext("checked the archive"),
    "checkpoint": lazy_gettext("signed a checkpoint"),
    "rotate-key": lazy_gettext("changed the key of the ledger"),
    "import": lazy_gettext("imported mail"),
    "collect": lazy_gettext("had mail collected"),
    "collect-pause": lazy_gettext("paused collecting"),
    "collect-resume": lazy_gettext("resumed collecting"),
    "account-add": lazy_gettext("added an account"),
    "account-set": lazy_gettext("changed an account"),
    "account-list": lazy_gettext("looked at the accounts"),
    "credential-store": lazy_gettext("stored a mail password"),
    "credential-forget": lazy_gettext("forgot a mail password"),
    "credential-rotate": lazy_gettext("changed the key of the passwords"),
    "user-add": lazy_gettext("added a user"),
    "user-set": lazy_gettext("changed a user"),
    "user-list": lazy_gettext("looked at the users"),
    "user-password": lazy_gettext("changed a password"),
    "list-choice": lazy_gettext("arranged a list"),
    "user-language": lazy_gettext("chose a language"),
    "grant": lazy_gettext("gave a right"),
    "grant-end": lazy_gettext("ended a right"),
    "department-add": lazy_gettext("added a department"),
    "department-set": lazy_gettext("changed a department"),
    "department-remove": lazy_gettext("removed a department"),
    "department-list": lazy_gettext("looked at the departments"),
}


def name(action: str) -> str:
    """In the reader's language."""
    return str(NAMES.get(action, action))
