"""What was read of a file. A value of its own, so that whoever takes it loads no reader."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extract:
    """What was read. `reason` is the name of an `Unsearched`, '' when all was; `extractor` says what read it."""

    text: str
    reason: str
    extractor: str
