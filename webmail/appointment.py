"""The appointment of a letter in the reader's words: what it is, when by his clock, and who said what."""

from dataclasses import dataclass
from datetime import datetime

from postbuch.archive.invitation import Guest, Invitation
from postbuch.webmail.language import gettext, lazy_gettext, local, short_month, written_day

# RFC 5546 section 1.4; what has no method, or `publish`, is a calendar that somebody sends along.
_KINDS = {
    "request": lazy_gettext("Invitation"),
    "add": lazy_gettext("Invitation"),
    "cancel": lazy_gettext("Appointment called off"),
    "reply": lazy_gettext("Answer to an invitation"),
    "counter": lazy_gettext("Another time is proposed"),
    "declinecounter": lazy_gettext("The proposed time is declined"),
    "refresh": lazy_gettext("Somebody asks for the appointment again"),
}
_ANSWERS = {
    "accepted": lazy_gettext("accepted"),
    "declined": lazy_gettext("declined"),
    "tentative": lazy_gettext("perhaps"),
    "delegated": lazy_gettext("sends somebody else"),
}
_REPEATS = {
    "daily": lazy_gettext("every day"),
    "weekly": lazy_gettext("every week"),
    "monthly": lazy_gettext("every month"),
    "yearly": lazy_gettext("every year"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the template shows beside the facts; texts are empty where the calendar says nothing."""

    facts: Invitation
    kind: str
    begin: datetime | None  # by the reader's clock, or by that of the calendar where its zone is not known
    month: str
    when: str
    repeats: str
    guests: tuple[tuple[Guest, str], ...]  # with their answers


def shown(invitation: Invitation | None) -> Shown | None:
    """None without one."""
    if invitation is None:
        return None
    begin = _by_clock(invitation.begin)
    repeats = _REPEATS.get(invitation.repeats)
    return Shown(
        facts=invitation, kind=str(_KINDS.get(invitation.method) or gettext("Appointment")), begin=begin,
        month=short_month(begin) if begin else "", when=_when(invitation, begin) if begin else "",
        repeats=str(repeats) if repeats else gettext("again and again") if invitation.repeats else "",
        guests=tuple((each, str(_ANSWERS.get(each.answer, ""))) for each in invitation.guests),
    )  # fmt: skip


def _by_clock(moment: datetime | None) -> datetime | None:
    return local(moment) if moment is not None and moment.tzinfo is not None else moment


def _when(invitation: Invitation, begin: datetime) -> str:
    end = _by_clock(invitation.end)
    day = written_day(begin.date())
    if invitation.is_whole_days:
        return day if end is None else f"{day} – {written_day(end.date())}"
    text = f"{day}, {begin:%H:%M}"
    if end is not None and end.date() == begin.date():
        text += f"\u00a0–\u00a0{end:%H:%M}"
    elif end is not None:
        text += f" – {written_day(end.date())}, {end:%H:%M}"
    return f"{text} ({invitation.zone})" if invitation.zone else text
