"""Which capabilities a client is told, and which commands go with those that it is not (proxy.md section 2). Pure."""

import re
from functools import lru_cache

# Announced before the log-in even when upstream is not known yet: what we do ourselves.
OWN = (b"IMAP4rev1", b"SASL-IR", b"LITERAL+", b"ID", b"AUTH=PLAIN", b"AUTH=LOGIN")

# STARTTLS, LOGINDISABLED: implicit TLS only. COMPRESS: blinds the tap. Referrals, JMAPACCESS: routes round the archive.
# UNAUTHENTICATE: changes the user inside a session. CATENATE, URLAUTH, BURL: a message built where we cannot see it.
# UIDONLY, NOTIFY: the tap does not understand them.
_STRIPPED = re.compile(
    rb"(?:STARTTLS|LOGINDISABLED|COMPRESS=\S*|LOGIN-REFERRALS|MAILBOX-REFERRALS|JMAPACCESS|UNAUTHENTICATE|CATENATE"
    rb"|URLAUTH(?:=\S*)?|URL-PARTIAL|BURL|UIDONLY|NOTIFY|AUTH=\S*|SASL-IR)",
    re.IGNORECASE,
)
_LIST = re.compile(rb"(\* CAPABILITY|\[CAPABILITY)((?: +[^\s\]]+)*)", re.IGNORECASE)
# One that nothing closes goes to the end of its line.
_REFERRAL = re.compile(rb" ?\[REFERRAL [^\]\r\n]*+\]?", re.IGNORECASE)

# Commands that stay here whatever upstream announces. PARTIAL: its answer calls a part RFC822 (RFC 1730 section 6.4.6).
# LOCAL…, XFER: Cyrus' APPEND and DELETE under another name, and a mailbox away to another server.
REFUSED_VERBS = frozenset(
    {
        b"STARTTLS", b"COMPRESS", b"UNAUTHENTICATE", b"LOGIN", b"AUTHENTICATE", b"RLIST", b"RLSUB", b"GENURLAUTH",
        b"RESETKEY", b"URLFETCH", b"NOTIFY", b"GETJMAPACCESS", b"PARTIAL",
        b"LOCALAPPEND", b"LOCALDELETE", b"XFER",
    }
)


def kept(tokens: list[bytes], *, logged_in: bool) -> list[bytes]:
    """The tokens that a client is told, in upstream's order; before the log-in with ours."""
    rest = [token for token in tokens if not _STRIPPED.fullmatch(token)]
    if logged_in:
        return rest
    known = {token.upper() for token in rest}
    return rest + [token for token in OWN if token.upper() not in known]


def tokens(line: bytes) -> list[bytes] | None:
    """The capabilities in a line (`* CAPABILITY …` or `… [CAPABILITY …]`), or None when it names none."""
    found = _LIST.search(line)
    return found.group(2).split() if found else None


def told(lines: list[bytes]) -> set[bytes] | None:
    """The capabilities in the first line that names some, in upper case; None when no line does."""
    found = next((known for line in lines if (known := tokens(line)) is not None), None)
    return None if found is None else {token.upper() for token in found}


def rewritten(line: bytes, *, logged_in: bool) -> bytes:
    """A line of upstream as the client gets it: capabilities filtered, referral codes taken out."""
    found = _LIST.search(line)
    if found:
        line = line[: found.end(1)] + _listed(found.group(2), logged_in) + line[found.end() :]
    return _REFERRAL.sub(b"", line)


@lru_cache(maxsize=16)  # a provider says the same at each log-in, twice
def _listed(words: bytes, logged_in: bool) -> bytes:
    return b"".join(b" " + token for token in kept(words.split(), logged_in=logged_in))


def common(lists: list[list[bytes]]) -> list[bytes]:
    """What all upstreams have, in the order of the first: the most that may be said before the log-in."""
    if not lists:
        return []
    others = [{token.upper() for token in each} for each in lists[1:]]
    return [token for token in lists[0] if all(token.upper() in other for other in others)]
