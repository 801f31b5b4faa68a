"""What the pages say of a letter's DKIM signatures: one calm line on the letter, everything on the evidence page."""

from typing import Any

from postbuch.archive import letters, said
from postbuch.archive.dkimagain import check_again, verifies
from postbuch.archive.dkimreasons import Doubt
from postbuch.archive.dkimrows import MATCHING
from postbuch.webmail.language import gettext, language, lazy_gettext
from postbuch.webmail.services import services

# A page is to stand within 2 s; checking again takes 15 ms for each MiB.
MAX_AGAIN_OCTETS = 33_554_432
# Copies that never came from anywhere carry no signature yet, and nobody expects one.
_OWN = {"submission", "append"}
_MANNERS = {"matches": "good", "altered": "bad", "limited": "bad"}
VERDICTS = {
    "pass": lazy_gettext("matches"),
    "part": lazy_gettext("matches the beginning"),
    "expired": lazy_gettext("matches, expired"),
    "weak": lazy_gettext("matches, can be forged"),
    "fail": lazy_gettext("does not match"),
    "no-key": lazy_gettext("no key"),
    "unfit": lazy_gettext("not usable"),
    "unknown": lazy_gettext("not checked"),
}
ALIGNED = {"strict": lazy_gettext("the sender's"), "relaxed": lazy_gettext("of the sender's organisation")}


def line(facts: dict[str, Any], image: dict[str, Any]) -> dict[str, Any] | None:
    """What stands under the sender of this image: its sentence and its manner (good, bad or quiet)."""
    look = next((each for each in facts["verdicts"] if each["image_id"] == image["id"]), None)
    if look is None or (not look["signature_count"] and set(image["sources"]) <= _OWN):
        return None
    return {"says": look["says"], "manner": _MANNERS.get(look["standing"], "quiet")}


def looks(facts: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Image → what was found, checked again today by the records that were kept."""
    sizes = {image["id"]: image["size_octets"] for image in facts["images"]}
    found = {}
    for look in facts["verdicts"]:
        if look["signatures"] and sizes[look["image_id"]] <= MAX_AGAIN_OCTETS:
            with services().transaction() as conn:
                octets = letters.octets(conn, services().config, look["image_id"])
            look = check_again(services().signatures, octets, look)
        reason = said.understood(look["reason"], Doubt)
        shown = [_shown(each) for each in look["signatures"]]
        found[look["image_id"]] = {**look, "reason": reason, "signatures": shown}
    return found


def _shown(verdict: dict[str, Any]) -> dict[str, Any]:
    return {
        **verdict, "doubt": said.told(said.understood(verdict["reason"], Doubt), language()),
        "matches": verdict["verdict"] in MATCHING, "again_says": _again(verdict),
        "again_good": verdict.get("again", verdict["verdict"]) == verdict["verdict"],
    }


def _again(verdict: dict[str, Any]) -> str:
    if verdict["verdict"] not in MATCHING and verdict["verdict"] != "fail":
        return ""
    if "again" not in verdict:
        return gettext("not tried here, because the message is large; `postbuch show` does it")
    if verifies(verdict):
        return gettext("yes, by the key record of that day")
    if verdict["again"] == verdict["verdict"]:
        return gettext("does not match today either")
    return gettext("no: what is on record does not come out again")
