"""What a calendar in a letter says of an appointment. The values alone, for both sides of the parser child."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Guest:
    """Who invites or is invited. `answer` is PARTSTAT in lower case (RFC 5545 section 3.2.12), empty without one."""

    name: str
    address: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """One appointment.

    `method` is that of RFC 5546 in lower case ("request", "reply", "cancel" …), empty without one. `begin` and `end`
    are UTC where the zone is known; else they have no zone, and `zone` is what the calendar calls it, or empty. Of
    whole days they are the first and the last, at midnight. `repeats` is FREQ of RFC 5545 section 3.3.10 in lower case.
    """

    method: str
    title: str
    place: str
    begin: datetime | None
    end: datetime | None
    is_whole_days: bool
    zone: str
    repeats: str
    organiser: Guest | None
    guests: tuple[Guest, ...]
    more_guests: int  # that are not in `guests`
    more_appointments: int  # that stand in the same calendar

    @property
    def is_off(self) -> bool:
        """Whether it does not take place."""
        return self.method == "cancel"
