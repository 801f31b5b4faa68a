"""Every way that a session can fail has a name here, with one sentence for the admin that says what to do.

The client gets a fixed, generic text and the session id; the log gets the cause (proxy.md section 7).
"""

from dataclasses import dataclass
from datetime import datetime

from postbuch.archive.said import Named


class Reason(Named):
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


class Detail(Named):
    """What a reason has for its `{detail}` where that is our own observation and not somebody's words."""

    NO_GREETING = "no greeting"
    NO_LOG_IN_ANSWER = "no answer to the log-in"
    NO_REPLY_IN_TIME = "it gave no reply in time"
    NO_CONNECTION = "no connection within {seconds} s"
    TOOK_NO_OCTETS = "it took no octets for {seconds} s"
    NO_TLS = "no TLS: {words}"
    GREETED = "it greeted with {words}"
    ANSWERED_BEFORE_END = "it answered {code} before the end"
    ANSWERED_END = "it answered the end of a message with {code}"
    SAID_BYE = "it said BYE to the log-in"
    SPOKE_UNASKED = "it spoke unasked"
    WITHOUT_REPLY = "without a reply"
    BEFORE_LOG_IN_ANSWER = "before it answered the log-in"
    BEFORE_COMMAND = "before the command"
    STARTING_TLS = "while TLS was being started"
    IN_SESSION = "in a session"
    IN_SECOND_SESSION = "in the second session of a DELETE or RENAME"
    IN_MESSAGE = "in the middle of a message"
    LEFT_IN_MESSAGE = "it left in the middle of a message"
    SENT_WITHOUT_WAITING = "it sent a message without waiting"
    NOT_ASKED = "upstream was not asked: this password was refused a moment ago, or too many were tried"
    NO_AUTH = "it offers neither AUTH PLAIN nor AUTH LOGIN"
    NO_SYNC = "the spool's disk did not sync in time"
    NOT_OPENED = "{account}, {words}"
    FILE = "{path}: {words}"
    EHLO_ANSWERED = "EHLO was answered {code}"
    NO_STARTTLS = "it does not offer STARTTLS"
    STARTTLS_ANSWERED = "STARTTLS was answered {code}"
    BEHIND_STARTTLS = "there were octets behind the reply to STARTTLS"
    GREETING = "greeting {words}"
    LONG_LINE = "a line of more than {octets} octets"
    LONG_NUMBER = "a literal of more than 20 digits"
    REPLY_LINE = "the line {words}"
    REPLY_WITHOUT_END = "a reply without an end"
    BDAT = "BDAT without CHUNKING"
    TOO_MANY_UNKNOWN = "too many unknown commands"
    TOO_MANY_LOG_INS = "too many log-ins"
    LINE_WITHOUT_END = "a line without an end"
    BARE_LINE_END = "a bare line end"
    COULD_NOT_BE_KEPT = "{messages} messages of {mailbox} could not be fetched or kept"
    NOT_GIVEN = "upstream refused to give the messages: {words}"
    ODD_NUMBER = "upstream names a message by what is no number"
    RENUMBERED = "upstream renumbered the mailbox while a command by sequence number was held"
    MADE_ANEW = "the mailbox was closed or made anew while a command was held"
    FLAGGED_FASTER = "others flag messages as deleted faster than they can be archived"
    NO_STRING = "a mailbox's name that cannot be written as a string"
    NOT_SELECTED = "upstream does not open the mailbox: {words}"


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
