"""What the other processes say is wrong, in the reader's language: their sentences are English wherever they stand.

Health files and tables hold whole sentences, because people read them there as well. Here they are taken apart again by
their templates; what is quoted in them (a server's own words, names) stays as it is.
"""

import re
from collections.abc import Callable
from functools import cache

from markupsafe import Markup, escape

from postbuch.webmail.language import gettext


def _l(text: str) -> str:
    """Marks a template for the catalogue."""
    return text


TEMPLATES = (
    # The proxy's reasons (proxy/failure.py).
    _l("%(upstream)s (%(endpoint)s) cannot be reached: %(detail)s; check that it is up and that its name is right"),
    _l(
        "%(upstream)s (%(endpoint)s) did not answer in time (%(detail)s); check it, clients try again by themselves"
    ),
    _l(
        "the certificate of %(upstream)s (%(endpoint)s) is not trusted: %(detail)s; put its root into upstream.ca_file "
        "or correct the host name"
    ),
    _l("%(upstream)s (%(endpoint)s) answered against the protocol: %(detail)s; ask the provider"),
    _l(
        "%(upstream)s (%(endpoint)s) closed the connection (%(detail)s); the client was told and tries again"
    ),
    _l("%(upstream)s refused the log-in: %(detail)s; check name and password in the mail program"),
    _l("no upstream serves the log-in's domain (%(detail)s); add it to upstream.domains if it is yours"),
    _l(
        "the log-in to %(upstream)s was refused here: %(detail)s; check name, password and `postbuch user list`, or "
        "give a new one with `postbuch user password`"
    ),
    _l("no password for %(upstream)s is stored that can be used (%(detail)s); store one with `postbuch account store`"),
    _l("%(upstream)s refuses the stored password of %(detail)s; store the new one with `postbuch account store`"),
    _l(
        "who may log in to %(upstream)s is not known yet (%(detail)s); the archive process writes it when it has the "
        "database, `postbuch status` says whether it runs"
    ),
    _l(
        "upstream.auth = \"%(detail)s\" for %(upstream)s is not available in this version; use \"password\" or "
        "\"stored\""
    ),
    _l("the client broke the protocol (%(detail)s) and was disconnected; look at the mail program"),
    _l("%(detail)s; new mail is refused for the time being and mail programs keep it"),
    _l(
        "a command that removes messages was refused, because they could not be archived first: %(detail)s; the mail "
        "program can try again, nothing was removed"
    ),
    _l("an error in Postbuch itself (%(detail)s); the log has the details, please report it"),
    # The collector's (archive/collect_*.py).
    _l("upstream counts %(counted)s messages and lists %(listed)s"),
    _l(
        "%(number)s messages cannot be had: upstream lists the message and does not give it out (UID %(uids)s)"
    ),
    _l("%(host)s does not answer (%(doing)s)"),
    _l("%(host)s has a certificate that is not trusted (%(reason)s) (%(doing)s)"),
    _l("%(host)s broke off in the middle of a large message"),
    _l("%(host)s broke off: %(reason)s (%(doing)s)"),
    _l("%(host)s sends a line that is too long (%(doing)s)"),
    _l("%(host)s refuses: %(reason)s (%(doing)s)"),
    _l("%(host)s gives an answer that cannot be read: %(reason)s (%(doing)s)"),
    _l("%(host)s gives no UIDVALIDITY for the mailbox %(mailbox)s"),
    # Completeness and the state of the whole (archive/completeness.py, status.py, process.py).
    _l("%(account)s: %(missing)s of %(all)s messages are not archived (%(mailboxes)s)"),
    _l("%(account)s: was not found complete since %(time)s UTC; %(reason)s"),
    _l("%(account)s: was not found complete yet; %(reason)s"),
    _l("the collector is behind"),
    _l("the proxy does not run, so mail programs cannot connect; its log says why"),
    _l("the books do not balance: a captured message is neither stored nor refused; ask for support"),
    _l("the database says: %(reason)s"),
    _l("%(folder)s: %(number)s spool files were set aside; the .reason beside each says why"),
    # Certificates (certs/expiry.py).
    _l("The certificate %(path)s has expired: %(remedy)s."),
    _l("The certificate %(path)s ends in %(days)s days: %(remedy)s."),
    _l("restart Postbuch to renew it"),
    _l("put the renewed certificate and key there"),
    _l("remove it and %(file)s, restart Postbuch and install the new one on the clients"),
)
# Fields that are one word, so that no template takes another sentence for a name.
_WORDS = frozenset({"host", "account", "number", "counted", "listed", "missing", "all", "days"})
_WORD = r"[^\s;]+?"
_FIELD = re.compile(r"%\((\w+)\)s")
# `anna@firma.example: imap.example does not answer`, `Archiv: …`.
_NAMED = re.compile(r"([^\s:;]+(?: [^\s:;]+){0,3}): (.+)", re.DOTALL)


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(_pattern(template), re.DOTALL), template) for template in TEMPLATES]


def _pattern(template: str) -> str:
    pieces = _FIELD.split(template)
    return "".join(
        f"(?P<{piece}>{_WORD if piece in _WORDS else '.+?'})" if place % 2 else re.escape(piece)
        for place, piece in enumerate(pieces)
    )


def translated(sentence: str, say: Callable[..., str] = gettext) -> str | None:
    """The sentence in the reader's language; None when nobody knows it. Several may be joined by `; `."""
    first, several, others = sentence.partition("; ")
    if several and (one := translated(first, say)) is not None and (more := translated(others, say)) is not None:
        return f"{one}; {more}"
    for pattern, template in _patterns():
        found = pattern.fullmatch(sentence)
        if found:
            values = {name: translated(value, say) or value for name, value in found.groupdict().items()}
            return say(template, **values)
    named = _NAMED.fullmatch(sentence)
    if named and (rest := translated(named.group(2), say)) is not None:
        return f"{named.group(1)}: {rest}"
    return None


def in_words(sentence: str) -> Markup:
    """For a page: translated, or marked as English."""
    known = translated(sentence)
    if known is None:
        return Markup('<span lang="en">%s</span>') % _capital(sentence)
    return escape(_capital(known))


def _capital(text: str) -> str:
    """With a capital letter at the beginning, unless that is a name."""
    first = text.split(" ", 1)[0]
    return text if any(sign in first for sign in "@./:") else text[:1].upper() + text[1:]
