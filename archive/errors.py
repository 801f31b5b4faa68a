"""The one tree of errors. Each says whether trying again can help, and carries one sentence for a person.

A library's exception becomes one of these in the single file that imports the library.
"""


class PostbuchError(Exception):
    """Anything that Postbuch reports about itself; `str()` is one sentence that names the thing and the remedy."""

    temporary = False
    exit_code = 1


class UsageError(PostbuchError):
    """The call was wrong: an unknown account, an unreadable file, a bad query."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration is wrong; the sentence names the key or the path."""


class ServiceMissing(PostbuchError):
    """A service that we need is not there: the database, upstream."""

    temporary = True
    exit_code = 3


class SpoolError(PostbuchError):
    """The spool cannot be written: nothing may be acknowledged."""

    temporary = True


class NotFound(PostbuchError):
    """No such letter, image or account."""


class Refused(PostbuchError):
    """A message that cannot be kept; goes on record with its reason."""
