"""Which drain works on which of the spool's files: who locks one has it, until the lock or the process ends."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path


@contextlib.contextmanager
def claimed(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Those of the files that nobody else has and that are still there; ours for the time of the block.

    A crash leaves no claim (flock(2)). Raises OSError.
    """
    with contextlib.ExitStack() as stack:
        yield [path for path in paths if _claim(path, stack)]


def _claim(path: Path, stack: contextlib.ExitStack) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Drained by another one between our look and our lock: only the open file is left of it.
        mine = os.fstat(handle).st_nlink > 0
    except BlockingIOError:
        mine = False
    except BaseException:
        os.close(handle)
        raise
    if mine:
        stack.callback(os.close, handle)
    else:
        os.close(handle)
    return mine
