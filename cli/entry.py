"""Where the `postbuch` command begins: while its libraries are loaded, Ctrl-C ends it without a word."""

import os
import signal
import sys


def run() -> None:
    """As `main.run`. Loading takes up to half a second, in which Python would show where it was."""
    _fill_closed()
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # else it is ignored, as behind nohup
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from postbuch.cli import main

    signal.signal(signal.SIGINT, usual)
    main.run()


def _fill_closed() -> None:
    """Standard streams that the caller has closed (`>&-`): else the next file that is opened would be one of them.

    What is written to standard output fails then, and is told; what is written to standard error is gone.
    """
    closed = [name for name in ("stdin", "stdout", "stderr") if getattr(sys, name) is None]
    for name in closed:
        number = os.open(os.devnull, os.O_RDONLY if name == "stdout" else os.O_RDWR)  # the lowest that is free
        setattr(sys, name, open(number, "r" if name == "stdin" else "w", encoding="utf-8", closefd=False))  # noqa: SIM115 - a number; it stays
