"""What is one word to people and several to the analyzer, or another one: parts with hyphens, numbers of bank accounts,
names with signs; numbers in groups (`index_digits`) and amounts (`index_amounts`). Pure.

    E-Mail = Email = e mail            DE89 3704 0044 … = DE8937040044…            C++            C#            .NET

The one word stands in the index beside its parts; what is not parts with hyphens in the fields of stems alone.
"""

import re
from collections.abc import Iterator

from postbuch.archive import index_amounts, index_combining, index_digits

HYPHENS = "-\u2010\u2011"
_HYPHEN = re.compile(f"[{HYPHENS}]")
LONGEST = 60
_COMPOUND = re.compile(rf"(?<![^\W_])[^\W_]++(?:[{HYPHENS}][^\W_]++)+")
# Within a word: looked for by its hyphen, which is quick; and what is looked at on both sides.
_INNER = re.compile(r"-(?<=[^\W_]-)(?=[^\W_])")
_WINDOW = 3 * LONGEST
# The same as people write it: with accents behind their letters.
_WORD = rf"[^\W_](?>(?:[^\W_]|[{index_combining.CLASS}])*)"
_WRITTEN = re.compile(rf"(?<![^\W_])(?<![{index_combining.CLASS}]){_WORD}(?:[{HYPHENS}]{_WORD})+")
# ISO 13616: country, check digits, 11 to 30 signs in groups of four. The checksum tells it from what else looks so.
_ACCOUNT = re.compile(
    r"\d\d(?<=[a-z][a-z]\d\d)(?:[ \xa0]?[a-z\d]{4}){2,7}(?:[ \xa0]?[a-z\d]{1,3}(?![a-z\d]))?", re.IGNORECASE
)
_ACCOUNT_BEGIN = re.compile(r"\d\d(?<=[a-z][a-z]\d\d)(?<![^\W_][a-z][a-z]\d\d)(?=[ \xa0]?[a-z\d]{4})")
_ACCOUNT_LEAST = 15
_BLANK = re.compile("[ \xa0]")
# All numbers are looked for at once, where one may begin: behind a letter only if that may end a currency (EUR5).
_NUMBER = re.compile(rf"[0-9](?<![a-ceg-oqs-z0-9_.,'’][0-9])(?:{index_amounts.BEGIN}|{index_digits.BEGIN})")
# Names whose signs tell them from other words: C++, C#, .NET. Other words that begin with a point are endings: .pdf.
_SIGNED = {
    sign: re.compile(rf"{pattern}(?![^\W_]|[+#])")
    for sign, pattern in (("++", r"\+\+(?<=[a-z]\+\+)"), ("#", r"#(?<=[a-z]#)"), (".net", r"\.net(?<![^\W_]\.net)"))
}
_LETTERS = re.compile(r"[^\W\d_]++\Z")
_NAME_CHARACTERS = 12
# A letter alone and a word: e mail, U Bahn. Not those that are words of German, English or its neighbours.
_APART = re.compile(r" ([estux] [^\W\d_]{3,})")


def found(text: str) -> Iterator[tuple[int, int, str]]:
    """Begin, end and the one word of each; letters as they are. Sums are `1234.56` or `1234`."""
    yield from others(text)  # first: of 0049-89-1234 the telephone is looked for
    yield from compounds(text)


def others(text: str) -> Iterator[tuple[int, int, str]]:
    """Those of `found` that are not parts with hyphens."""
    yield from _numbers_and_names(_small(text))
    yield from index_amounts.sums(text)
    yield from _accounts(text)


def compounds(text: str) -> Iterator[tuple[int, int, str]]:
    """Those of `found` that are parts with hyphens."""
    return _compounds(text, _COMPOUND if text.isascii() else _WRITTEN)


def wholes(folded: str) -> set[str]:
    """The words of a folded text, of sums also what stands before the fraction."""
    # What has a sign within it: little of a text. Long ones are encoded octets and pages' addresses.
    pieces = [
        piece for piece in folded.split()
        if not (piece.isalnum() or piece[:-1].isalnum() or len(piece) > LONGEST)
    ]  # fmt: skip
    made = {whole for _, _, whole in _compounds(" ".join([piece for piece in pieces if "-" in piece]))}
    for _, _, whole in index_amounts.sums(" ".join(pieces)):
        made |= forms(whole)
    for _, _, whole in _numbers_and_names(folded):
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
    """The words that are looked for when one of `found` is meant: of an amount also what stands before its fraction."""
    return {one, index_amounts.before_fraction(one)}


def whole(folded: str) -> str | None:
    """The one word that all of a folded text is."""
    return next((one for begin, end, one in found(folded) if (begin, end) == (0, len(folded))), None)


def is_measure(text: str) -> bool:
    """Whether all of a text is a number with what it counts."""
    text = _small(text)
    return any((begin, end) == (0, len(text)) and not one.isdecimal() for begin, end, one in _numbers_and_names(text))


def is_account(text: str) -> bool:
    """Whether all of a text is the number of a bank account, in groups or not."""
    return any((begin, end) == (0, len(text)) for begin, end, _ in _accounts(text))


def _compounds(text: str, pattern: re.Pattern[str] = _COMPOUND) -> Iterator[tuple[int, int, str]]:
    for match in pattern.finditer(text):
        yield match.start(), match.end(), _HYPHEN.sub("", match[0])


def _numbers_and_names(text: str) -> Iterator[tuple[int, int, str]]:
    """What may have blanks in it, or signs at its ends. The text has small letters."""
    text = text.replace("\xa0", " ")
    for match in _NUMBER.finditer(text):
        yield from index_digits.at(text, match.start())
        yield from index_amounts.measures_at(text, match.start())
    yield from index_amounts.sections(text)
    for sign, pattern in _SIGNED.items():
        for match in pattern.finditer(text) if sign in text else ():
            before = _LETTERS.search(text, max(match.start() - _NAME_CHARACTERS, 0), match.start())
            begin = before.start() if before else match.start()
            yield begin, match.end(), text[begin : match.end()]
    for match in _APART.finditer(" " + text.replace("\n", " ")):
        yield match.start(1) - 1, match.end() - 1, match[1].replace(" ", "")


def _small(text: str) -> str:
    """In small letters, each at its place: İ would be two."""
    small = text.lower()
    return small if len(small) == len(text) else "".join(each.lower()[:1] for each in text)


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
