"""Who works at the command line: stands in the audit log beside every command that reads or changes the archive."""

import getpass

ORIGIN = "cli"


def actor() -> str:
    """The system user, for example `cli:root`."""
    try:
        return f"{ORIGIN}:{getpass.getuser()}"
    except (KeyError, OSError):  # a user id without a name, as in a container
        return ORIGIN
