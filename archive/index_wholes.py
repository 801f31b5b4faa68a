"""What is one word to people and several to the analyzer: parts with hyphens, sums, numbers of bank accounts. Pure.

    E-Mail = Email            1.234,56 = 1,234.56 = 1234,56            DE89 3704 0044 … = DE8937040044…

The one word stands in the index beside its parts; a sum in the fields of stems alone.
"""

import re
from collections.abc import Iterator

from postbuch.archive import index_combining

HYPHENS = "-\u2010\u2011"
_HYPHEN = re.compile(f"[{HYPHENS}]")
LONGEST = 60
_COMPOUND = re.compile(rf"(?<![^\W_])[^\W_]++(?:[{HYPHENS}][^\W_]++)+")
# Within a word: looked for by its hyphen, which is quick; and what is looked at on both sides.
_INNER = re.compile(r"-(?<=[^\W_]-)(?=[^\W_])")
_WINDOW = 3 * LONGEST
# The same as people write it: with accents behind their letters.
_LETTER = rf"(?:[^\W_]|[{index_combining.CLASS}])"
_WRITTEN = re.compile(rf"(?<![^\W_])(?<![{index_combining.CLASS}])[^\W_]{_LETTER}*+(?:[{HYPHENS}][^\W_]{_LETTER}*+)+")
# An amount with its thousands in groups, or with a fraction; not a part of a longer row such as 192.168.100.7.
# Here and below digits come first in the pattern: they are looked for several times as fast.
_SUM = re.compile(
    r"\d(?<![\w.,'’]\d)(?:\d{0,2}([.,'’])\d{3}(?:\1\d{3})*|\d{3,})(?:(?!\1)[.,](\d\d?))?(?![^\W_])(?![.,'’]\d)"
)
# ISO 13616: country, check digits, 11 to 30 signs in groups of four. The checksum tells it from what else looks so.
_ACCOUNT = re.compile(
    r"\d\d(?<=[a-z][a-z]\d\d)(?:[ \xa0]?[a-z\d]{4}){2,7}(?:[ \xa0]?[a-z\d]{1,3}(?![a-z\d]))?", re.IGNORECASE
)
_ACCOUNT_BEGIN = re.compile(r"\d\d(?<=[a-z][a-z]\d\d)(?<![^\W_][a-z][a-z]\d\d)(?=[ \xa0]?[a-z\d]{4})")
_ACCOUNT_LEAST = 15
_SIGN = re.compile("[.,'’]")
_BLANK = re.compile("[ \xa0]")


def found(text: str) -> Iterator[tuple[int, int, str]]:
    """Begin, end and the one word of each; letters as they are. Sums are `1234.56` or `1234`."""
    yield from _compounds(text, _COMPOUND if text.isascii() else _WRITTEN)
    yield from _sums(text)
    yield from _accounts(text)


def wholes(folded: str) -> set[str]:
    """The words of a folded text, of sums also what stands before the fraction."""
    # What has a sign within it: little of a text. Long ones are encoded octets and pages' addresses.
    pieces = [
        piece for piece in folded.split()
        if not (piece.isalnum() or piece[:-1].isalnum() or len(piece) > LONGEST)
    ]  # fmt: skip
    made = {whole for _, _, whole in _compounds(" ".join([piece for piece in pieces if "-" in piece]))}
    for _, _, whole in _sums(" ".join(pieces)):
        made |= forms(whole)
    if _ACCOUNT_BEGIN.search(folded):
        made.update(number for _, _, number in _accounts(folded))
    return made


def closed_up(folded: str) -> list[str]:
    """The parts of a folded text with a hyphen as one word, each between its neighbours: phrases go over them."""
    found: dict[str, None] = {}
    for match in _INNER.finditer(folded):
        place = match.start()
        left, right = folded[max(place - _WINDOW, 0) : place].split(), folded[place : place + _WINDOW].split()
        piece = left[-1] + right[0]
        if len(piece) <= LONGEST and (closed := _COMPOUND.sub(_without_hyphens, piece)) != piece:
            # A neighbour at the edge of what was cut out is perhaps a part of a word.
            before = left[-2] if len(left) > 2 or (len(left) > 1 and place <= _WINDOW) else ""
            after = right[1] if len(right) > 2 or (len(right) > 1 and place + _WINDOW >= len(folded)) else ""
            found[f"{_neighbour(before)} {closed} {_neighbour(after)}"] = None
    return list(found)


def _neighbour(piece: str) -> str:
    if len(piece) > LONGEST:
        return ""
    return _COMPOUND.sub(_without_hyphens, piece) if "-" in piece else piece


def _without_hyphens(match: re.Match[str]) -> str:
    return match[0].replace("-", "")


def forms(one: str) -> set[str]:
    """The words that are looked for when one of `found` is meant: of a sum also what stands before its fraction."""
    return {one, one.partition(".")[0]}


def whole(folded: str) -> str | None:
    """The one word that all of a folded text is."""
    return next((one for begin, end, one in found(folded) if (begin, end) == (0, len(folded))), None)


def is_account(text: str) -> bool:
    """Whether all of a text is the number of a bank account, in groups or not."""
    return any((begin, end) == (0, len(text)) for begin, end, _ in _accounts(text))


def _compounds(text: str, pattern: re.Pattern[str] = _COMPOUND) -> Iterator[tuple[int, int, str]]:
    for match in pattern.finditer(text):
        yield match.start(), match.end(), _HYPHEN.sub("", match[0])


def _sums(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _SUM.finditer(text):
        if not match[0].isdecimal():
            fraction = f".{match[2]}" if match[2] else ""
            before = match[0][: -len(fraction)] if fraction else match[0]
            yield match.start(), match.end(), _SIGN.sub("", before) + fraction


def _accounts(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _ACCOUNT.finditer(text):
        begin, end = match.start() - 2, match.end()
        # The groups may go on with words of four letters.
        while end > begin + _ACCOUNT_LEAST:
            number = _BLANK.sub("", text[begin:end])
            if len(number) >= _ACCOUNT_LEAST and _is_valid(number):
                yield begin, end, number
                break
            end = max(text.rfind(" ", begin, end), text.rfind("\xa0", begin, end))


def _is_valid(number: str) -> bool:
    """ISO 13616: the remainder by 97."""
    return number.isascii() and int("".join(str(int(each, 36)) for each in number[4:] + number[:4])) % 97 == 1
