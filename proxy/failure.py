"""Every way that a session can fail has a name here, with one sentence for the admin that says what to do.

The client gets a fixed, generic text and the session id; the log gets the cause (proxy.md section 7).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Reason(Enum):
    """What failed. The value is the sentence; `{upstream}`, `{endpoint}` and `{detail}` are filled in."""

    UPSTREAM_UNREACHABLE = (
        "{upstream} ({endpoint}) cannot be reached: {detail}; check that it is up and that its name is right"
    )
    UPSTREAM_TIMEOUT = (
        "{upstream} ({endpoint}) did not answer in time ({detail}); check it, clients try again by themselves"
    )
    UPSTREAM_CERTIFICATE = (
        "the certificate of {upstream} ({endpoint}) is not trusted: {detail}; put its root into upstream.ca_file "
        "or correct the host name"
    )
    UPSTREAM_PROTOCOL = "{upstream} ({endpoint}) answered against the protocol: {detail}; ask the provider"
    UPSTREAM_CLOSED = "{upstream} ({endpoint}) closed the connection ({detail}); the client was told and tries again"
    LOGIN_REFUSED = "{upstream} refused the log-in: {detail}; check name and password in the mail program"
    UNKNOWN_DOMAIN = "no upstream serves the log-in's domain ({detail}); add it to upstream.domains if it is yours"
    REFUSED_HERE = (
        "the log-in to {upstream} was refused here: {detail}; check name, password and `postbuch user list`, or give a "
        "new one with `postbuch user password`"
    )
    NOTHING_STORED = (
        "no password for {upstream} is stored that can be used ({detail}); store one with `postbuch account store`"
    )
    STORED_REFUSED = (
        "{upstream} refuses the stored password of {detail}; store the new one with `postbuch account store`"
    )
    LOGINS_UNKNOWN = (
        "who may log in to {upstream} is not known yet ({detail}); the archive process writes it when it has the "
        "database, `postbuch status` says whether it runs"
    )
    MODE_UNAVAILABLE = (
        "upstream.auth = \"{detail}\" for {upstream} is not available in this version; use \"password\" or \"stored\""
    )
    CLIENT_PROTOCOL = "the client broke the protocol ({detail}) and was disconnected; look at the mail program"
    SPOOL_UNWRITABLE = "{detail}; new mail is refused for the time being and mail programs keep it"
    NOT_ARCHIVED = (
        "a command that removes messages was refused, because they could not be archived first: {detail}; the mail "
        "program can try again, nothing was removed"
    )
    INTERNAL = "an error in Postbuch itself ({detail}); the log has the details, please report it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failure as status shows it. `answered`: the client got an answer, not just a closed connection."""

    account: str
    leg: str  # client, imap, submission, spool
    reason: Reason
    sentence: str
    at: datetime
    answered: bool


class UpstreamFailed(Exception):
    """Upstream could not be used. Carries the named reason and the detail for the log; nothing for the client."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.name.lower()}: {detail}")
        self.reason = reason
        self.detail = detail
