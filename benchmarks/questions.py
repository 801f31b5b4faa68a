"""What is asked of each of the searches that are compared, in its own words. Always the same."""

import random

from letters import sender_of, vocabulary

WORDS = 20
KINDS = ("rare word", "common word", "phrase", "three words", "prefix", "sender + dates + word")
Asked = tuple[str, str, str]  # in Postbuch's words, in FULLTEXT's SQL, in notmuch's words


def questions() -> list[tuple[str, Asked]]:
    """(kind, question) with different words each, in random order."""
    chance = random.Random(4)
    common, rare = words()
    middle = [each for each in vocabulary()[400:4000] if each.isascii()]
    found: list[tuple[str, Asked]] = []
    for place in range(WORDS):
        one, two = chance.sample(common, 2)
        seldom, half = chance.choice(rare), chance.choice(middle)
        found += [
            ("rare word", _words(seldom)), ("common word", _words(common[place])),
            ("three words", _words(one, two, half)),
            ("phrase", _phrase("offene Rechnung" if place % 2 else f"{one} {two}")), ("prefix", _prefix(half[:-4])),
            ("sender + dates + word", _narrow(sender_of(place), 2019 + place % 5, one)),
        ]  # fmt: skip
    chance.shuffle(found)
    return found


def words() -> tuple[list[str], list[str]]:
    """Common and rare ones."""
    known = vocabulary()
    # FULLTEXT has no words of three letters and less, and leaves out its stop words.
    left_out = ("about", "their")
    common = [each for each in known[:400] if len(each) > 4 and each.isascii() and each.lower() not in left_out]
    return common, [each for each in known if each.startswith(("ref", "lot"))][5_000:]


def _match(text: str) -> str:
    return f"MATCH(content) AGAINST('{text}' IN BOOLEAN MODE)"


def _words(*each: str) -> Asked:
    return " ".join(each), _match(" ".join(f"+{one}" for one in each)), " ".join(each)


def _phrase(text: str) -> Asked:
    return f'"{text}"', _match(f'"{text}"'), f'"{text}"'


def _prefix(text: str) -> Asked:
    return f"{text}*", _match(f"{text}*"), f"{text}*"


def _narrow(sender: str, year: int, word: str) -> Asked:
    return (
        f"from:{sender} after:{year - 1}-12-31 before:{year + 1}-01-01 {word}",
        f"sender = '{sender}' AND at >= '{year}-01-01' AND at < '{year + 1}-01-01' AND {_match('+' + word)}",
        f"from:{sender} date:{year}-01-01..{year}-12-31 {word}",
    )
