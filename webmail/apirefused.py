"""Keys for programs that were refused, on record as refused log-ins are: from where, and whose it was if it is known.

The key itself is written nowhere: it may be a good one with a letter too many. Who shows wrong ones all day long fills
no table: what is beyond these limits is answered, and not on record.
"""

from limits import RateLimitItem, parse, parse_many

from postbuch.archive import apikeys, audit
from postbuch.webmail.entrance import LIMIT_BY_ADDRESS
from postbuch.webmail.login import limiter
from postbuch.webmail.record import origin, page_asked
from postbuch.webmail.services import services

ACTION = "key-refused"
# As many as there are refused log-ins of one address.
BY_ADDRESS = parse_many(LIMIT_BY_ADDRESS)
# Who has very many addresses: with 400 octets an event these are 20 MB a day.
OF_ALL = parse("2000 per hour")


def on_record(key: str) -> None:
    """Write the event. Of who shows no key at all there is nothing to say."""
    if not key or not all(_counts(limit, origin()) for limit in BY_ADDRESS) or not _counts(OF_ALL):
        return
    with services().transaction() as conn:
        known = apikeys.refused(conn, key)
        after = {"reason": "unknown"} if known is None else {"reason": "revoked or shut out", "key": known.id}
        audit.record(conn, known.login if known else "", origin(), ACTION, f"page {page_asked()}", after=after)


def _counts(limit: RateLimitItem, *whose: str) -> bool:
    return limiter.limiter.hit(limit, ACTION, *whose)
