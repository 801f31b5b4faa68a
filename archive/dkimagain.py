"""Signatures checked again, today, by the key records that were kept: whether what is on record still comes out.

It needs the message, the row and nothing else; whether the key is still in the DNS is of no account.
"""

from datetime import UTC, datetime
from typing import Any

from postbuch.archive.dkimparser import SignatureParser
from postbuch.archive.dkimrows import MATCHING
from postbuch.archive.dkimsignature import Judgement, Question


def check_again(parser: SignatureParser, octets: bytes, look: dict[str, Any]) -> dict[str, Any]:
    """The look (as `dkimrows.facts` gives it) with `again` in each verdict.

    That is what comes out today, the same verdict or another; None where there is no record to check by. The time of
    the look may be text, as in JSON.
    """
    at = look["checked_at"]
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    records = {each["position"]: each["key_record"] for each in look["signatures"]}
    keys = {position: record for position, record in records.items() if record is not None}
    found = {each.position: each for each in parser.judge(octets, Question(keys=keys, at=_seconds(moment)))}
    again = [{**each, "again": _again(found.get(each["position"]))} for each in look["signatures"]]
    return {**look, "signatures": again}


def verifies(verdict: dict[str, Any]) -> bool:
    """Whether a signature that matched does so again."""
    return verdict["verdict"] in MATCHING and verdict["again"] == verdict["verdict"]


def _again(judged: Judgement | None) -> str | None:
    return None if judged is None else judged.verdict


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
