"""Keys for programs that were refused, on record as refused log-ins are: from where, and whose it was if it is known.

The key itself is written nowhere: it may be a good one with a letter too many. Who shows wrong ones all day long fills
no table: what is beyond these limits is answered, and not on record.
"""

from postbuch.archive import apikeys, audit
from postbuch.webmail.ftps_guard import Guard
from postbuch.webmail.login import limiter
from postbuch.webmail.record import origin, page_asked
from postbuch.webmail.services import services

# All refused keys together are counted as log-ins with one name: 60 events an hour, 200 KB a day.
ACTION = "key-refused"


def on_record(key: str) -> None:
    """Write the event. Of who shows no key at all there is nothing to say."""
    guard = Guard(limiter.limiter)
    if not key or not guard.may_try(origin(), ACTION):
        return
    guard.failed(origin(), ACTION)
    with services().transaction() as conn:
        known = apikeys.refused(conn, key)
        after = {"reason": "unknown"} if known is None else {"reason": "revoked or shut out", "key": known.id}
        audit.record(conn, known.login if known else "", origin(), ACTION, f"page {page_asked()}", after=after)
