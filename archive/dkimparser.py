"""Checking signatures in a child process, as `parser.py` takes messages apart: the child may die, the caller never."""

from postbuch.archive import parserframe
from postbuch.archive.dkimreasons import Doubt
from postbuch.archive.dkimsignature import Judgement, Question, Verdict
from postbuch.archive.parser import Parser, Unreadable


class SignatureParser(Parser):
    """Owns one child, started when it is first needed. Thread-safe. `close` at the end."""

    MODULE = "postbuch.archive.dkimchild"

    def judge(self, octets: bytes, question: Question) -> list[Judgement]:
        """A judgement for each key record of the question. Never raises on content."""
        if not question.keys:
            return []
        head = parserframe.encode(question)
        try:
            found = self._one(
                parserframe.SIGNATURES, len(head), head + octets, lambda answer: parserframe.judgements(answer.encoded)
            )
        except Unreadable:
            found = []
        known = {each.position: each for each in found}
        lost = Doubt.TOO_MUCH.name
        return [
            known.get(place) or Judgement(position=place, verdict=Verdict.UNKNOWN.value, doubt=lost)
            for place in sorted(question.keys)
        ]
