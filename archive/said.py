"""Sentences that know what they are made of: a named reason and its details.

A process says what is wrong in English, in its log, in tables and in JSON. Where it is read by a person, it is put into
the reader's language: the template by the catalogue in `translations`, the details as they are, unless they are such
sentences themselves. What others said (a server's answer) is quoted and never translated; of the operating
system's sentences the usual ones are ours as well (`systemwords.py`).
"""

import gettext
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, SupportsIndex

FOLDER = Path(__file__).parent / "translations"


class Said(str):
    """A sentence in English. `reason` is its name, `template` what is translated, `details` go into the template."""

    __slots__ = ("details", "reason", "template")
    reason: str
    template: str
    details: dict[str, Any]

    def __new__(cls, reason: str, template: str, details: Mapping[str, Any]) -> "Said":
        made = super().__new__(cls, template.format_map(details))
        made.reason, made.template, made.details = reason, template, dict(details)
        return made

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        # The drains tell their parent by a pipe.
        return Said, (self.reason, self.template, self.details)

    def as_json(self) -> dict[str, Any]:
        """For the health files; `from_json` reads it."""
        details = {key: each.as_json() if isinstance(each, Said) else each for key, each in self.details.items()}
        return {"reason": self.reason, "template": self.template, "details": details}


class Named(Enum):
    """A set of reasons: the name of each, and as its value the sentence with `{details}` to be filled in."""

    def said(self, **details: object) -> Said:
        """The sentence. Details that are neither numbers nor sentences are written as text."""
        kept = {key: each if isinstance(each, int | Said) else str(each) for key, each in details.items()}
        return Said(self.name.lower(), self.value, kept)


class Joint(Named):
    """What holds sentences together."""

    SEVERAL = "{first}; {rest}"
    ABOUT = "{subject}: {what}"
    EITHER = "{first} or {last}"


def from_json(found: Any, otherwise: str) -> str:
    """What `as_json` wrote. What is something else, as of another version's process, is `otherwise`."""
    try:
        return _from_json(found)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return otherwise


def _from_json(found: dict[str, Any]) -> Said:
    details = {
        key: _from_json(each) if isinstance(each, dict) else each for key, each in found["details"].items()
    }
    return Said(found["reason"], found["template"], details)


def joined(sentences: Sequence[str]) -> str:
    """All of them as one, parted by `; `; empty when there are none."""
    if not sentences:
        return ""
    if len(sentences) == 1:
        return sentences[0]
    return Joint.SEVERAL.said(first=sentences[0], rest=joined(sentences[1:]))


def alternatives(names: Sequence[str]) -> str:
    """One of at least two names, in the middle of a sentence."""
    return Joint.EITHER.said(first=", ".join(names[:-1]), last=names[-1])


def of(error: BaseException) -> str:
    """The sentence that an error of ours carries."""
    return error.args[0] if error.args and isinstance(error.args[0], str) else str(error)


def told_of(sentence: str, reason: str) -> bool:
    """Whether the sentence is, or holds, one of that name."""
    if not isinstance(sentence, Said):
        return False
    return sentence.reason == reason or any(
        told_of(each, reason) for each in sentence.details.values() if isinstance(each, str)
    )


def without(sentence: str, secret: str) -> str:
    """The sentence without a secret that somebody's words repeat."""
    if not secret:
        return sentence
    if not isinstance(sentence, Said):
        return sentence.replace(secret, "***")
    kept = {key: without(each, secret) if isinstance(each, str) else each for key, each in sentence.details.items()}
    return Said(sentence.reason, sentence.template, kept)


def told(sentence: str, language: str) -> str:
    """The sentence in a language; as it is when it is none of ours."""
    if not isinstance(sentence, Said):
        return sentence
    details = {key: told(each, language) if isinstance(each, str) else each for key, each in sentence.details.items()}
    return _catalogue(language).gettext(sentence.template).format_map(details)


def understood(text: str, *reasons: type[Named]) -> str:
    """A sentence of a table column taken apart again, where people read English with their own tools."""
    for reason in (Joint.SEVERAL, Joint.ABOUT, *(each for kind in reasons for each in kind)):
        found = _pattern(reason.value).fullmatch(text)
        if found is None:
            continue
        details = {key: understood(each, *reasons) for key, each in found.groupdict().items()}
        # A joint of what is none of ours could be any semicolon or colon in somebody's words.
        if not isinstance(reason, Joint) or any(isinstance(each, Said) for each in details.values()):
            return reason.said(**details)
    return text


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    pieces = [f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)]
    return re.compile("".join(pieces), re.DOTALL)


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("messages", FOLDER, [language], fallback=True)
