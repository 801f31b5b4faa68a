"""What must happen before the client's next octets are read, and the end of a session that comes instead."""

from enum import Enum


class Wait(Enum):
    """What the client's side of a session waits for. Each is true (no IntEnum): NOTHING is an answer, None is none."""

    NOTHING = 0
    CONTINUATION = 1  # upstream's `+` for a literal, or for a message that is durable
    IDLE = 2  # upstream's `+` for IDLE
    DURABLE = 3  # the spool's sync
    GATE = 4  # every message that the command can hit is durable
    ANSWER = 5  # upstream's answer: what follows must not be taken to mean the numbers before it
    TAKEN_BACK = 6  # upstream's word on a message that could not be kept and is taken back
    END = 7  # nothing: the session is over


class Ended(Exception):
    """The session cannot go on. The text is for the log, `line` is the last that the client hears."""

    def __init__(self, reason: str, line: bytes) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
