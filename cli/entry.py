"""Where the `postbuch` command begins: while its libraries are loaded, Ctrl-C ends it without a word."""

import signal


def run() -> None:
    """As `main.run`. Loading takes up to half a second, in which Python would show where it was."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # else it is ignored, as behind nohup
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from postbuch.cli import main

    signal.signal(signal.SIGINT, usual)
    main.run()
