"""What an error among records means: whether it is the record's own, and what it says in one sentence.

For all who put records into the archive or have them put there: the drain, the import, the collector.
"""

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from postbuch.archive import said
from postbuch.archive.errors import PostbuchError
from postbuch.archive.reasons import Reason


def is_of_the_record(error: BaseException) -> bool:
    """Whether the error is the record's own: its facts, its octets, a value that no column takes.

    A lack of memory is not: what else runs on the machine may have taken it. Who meets it again and again decides.
    """
    if isinstance(error, PostbuchError):
        return not error.temporary
    if isinstance(error, SQLAlchemyError):
        return isinstance(error, DataError | IntegrityError)
    return not isinstance(error, OSError | MemoryError)


def sentence(error: BaseException) -> str:
    """What went wrong, without the octets that a database error repeats."""
    if isinstance(error, SQLAlchemyError):
        cause = getattr(error, "orig", None) or error
        return Reason.DATABASE_SAYS.said(words=str(cause)[:200])
    if isinstance(error, PostbuchError):
        return said.of(error)
    if isinstance(error, MemoryError):
        return Reason.NO_MEMORY.said()
    return str(error)[:300] or type(error).__name__
