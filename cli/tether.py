"""Start a program that dies with the one who started it: `python -m postbuch.cli.tether PARENT-PID PROGRAM …`.

When the supervisor is killed with SIGKILL it cannot end its children; the kernel does it (prctl(2),
PR_SET_PDEATHSIG, kept across execve). So the next start finds free ports and no second database server.
The program gets a session of its own, so that Ctrl-C reaches the supervisor alone, which ends them in order.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def tie(parent: int) -> None:
    """Have the kernel end this process when its parent ends. Exits when the parent is gone already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it ended between fork and prctl
        sys.exit(1)


def main(arguments: list[str]) -> None:
    """Tie, leave the terminal's session, become the program."""
    tie(int(arguments[0]))
    os.setsid()
    os.execvp(arguments[1], arguments[1:])  # noqa: S606 - no shell is the point; the supervisor gives the words


if __name__ == "__main__":
    main(sys.argv[1:])
