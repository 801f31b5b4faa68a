"""Amounts: numbers with thousands in groups and with fractions, and with a unit, a currency or a sign. Pure.

    1.234,56 = 1,234.56 = 1234,56            5 kg = 5kg            100 € = 100€ = € 100 = EUR 100 = 100 Euro
    10 % = 10%                               § 15 = §15

A number with its unit is one word of the index, beside the number and the unit.
"""

import re
from collections.abc import Iterator

# An amount with its thousands in groups, or with a fraction; not a part of a longer row such as 192.168.100.7.
# Here and below digits come first in the pattern: they are looked for several times as fast.
_SUM = re.compile(
    r"\d(?<![\w.,'’]\d)(?:\d{0,2}([.,'’])\d{3}(?:\1\d{3})*|\d{3,})(?:(?!\1)[.,](\d\d?))?(?![^\W_])(?![.,'’]\d)"
)
_SIGN = re.compile("[.,'’]")
# What means the same. Letters are small here.
_CURRENCIES = {
    "€": "eur", "eur": "eur", "euro": "eur", "$": "usd", "usd": "usd", "£": "gbp", "gbp": "gbp", "chf": "chf",
    "sfr": "chf", "fr": "chf",
}  # fmt: skip
_SAME = _CURRENCIES | {"m²": "m2", "qm": "m2", "m³": "m3", "cbm": "m3", "prozent": "%", "μg": "µg", "μm": "µm"}
_PRICES = {"", *_CURRENCIES.values()}
# Those that offices, workshops and shops write behind a number.
_UNITS = (
    "t kg g mg µg μg l ml cl hl km m cm mm µm μm nm ha m2 m² qm m3 m³ cbm w kw mw kwh mwh wh kva v kv mv a ma ah mah "
    "hz khz mhz ghz kb mb gb tb mbit gbit h min s ms bar mbar pa hpa kpa mpa kn °c ° ps dpi px pt % ‰ prozent "
    + " ".join(_CURRENCIES)
).split()
_ANY_UNIT = "|".join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))
_COINS = "eur|usd|gbp|chf|sfr|[€$£]"
# Behind the first digit of a number: its unit, or a currency before it, in patterns of one width each.
_PLAIN = r"[0-9]*+(?>(?:[.,'’][0-9]++)*)"
_PRICED = "|".join(rf"(?<={each.replace('|', f'{blank}[0-9]|')}{blank}[0-9])"
                   for each in ("eur|usd|gbp|chf|sfr", "[€$£]") for blank in ("", " "))  # fmt: skip
_FIRST = re.escape("".join(sorted({each[0] for each in _UNITS})))
BEGIN = rf"(?={_PLAIN} ?(?=[{_FIRST}])(?:{_ANY_UNIT})(?![^\W_]))|{_PRICED}"
_MEASURE = re.compile(rf"({_PLAIN})(?: ?({_ANY_UNIT}))?(?![^\W_])")
_CURRENCY = re.compile(rf"(?<![^\W_])({_COINS}) ?\Z|([€$£]) ?\Z")
_CURRENCY_CHARACTERS = 5
_PRICE = re.compile(rf"({_COINS}) ?({_PLAIN})")
_SECTION = re.compile(r"§ ?(\d++[^\W\d_]?)(?![^\W_])")


def sums(text: str) -> Iterator[tuple[int, int, str]]:
    """Begin, end and the one word of each sum: `1234.56` or `1234`."""
    for match in _SUM.finditer(text):
        if not match[0].isdecimal():
            yield match.start(), match.end(), _of_sum(match)


def measures_at(text: str, place: int) -> Iterator[tuple[int, int, str]]:
    """The same of a number that begins here, with what it counts: `5kg`, `1234.5eur`, `10%`. Letters are small."""
    found = _MEASURE.match(text, place)
    value = _value(found[1]) if found else ""
    if not found or not value:
        return
    if found[2] and not text[place - 1 : place].isalnum():
        yield place, found.end(), value + _SAME.get(found[2], found[2])
    if currency := _CURRENCY.search(text, max(place - _CURRENCY_CHARACTERS, 0), place):
        yield currency.start(), found.end(1), value + _CURRENCIES[currency[1] or currency[2]]


def sections(text: str) -> Iterator[tuple[int, int, str]]:
    """The same of sections of a law: `§15`."""
    for match in _SECTION.finditer(text):
        yield match.start(), match.end(), "§" + match[1]


def pattern(text: str) -> str | None:
    """Of MariaDB, for a number as it is typed with what it counts; None when a text is none."""
    text = text.lower()
    if section := _SECTION.fullmatch(text):
        return rf"§ ?{section[1]}(?![\p{{L}}\p{{N}}])"
    if priced := _PRICE.fullmatch(text):
        unit, number = priced.groups()
    elif (measured := _MEASURE.fullmatch(text)) and measured[1] and measured[2]:
        number, unit = measured.groups()
    else:
        return None
    units = "|".join(re.escape(each) for each in _UNITS if _SAME.get(each, each) == _SAME.get(unit, unit))
    number = re.escape(number)
    behind = rf"(?<![0-9.,]){number} ?(?:{units})(?![\p{{L}}\p{{N}}])"
    return rf"{behind}|(?<![\p{{L}}\p{{N}}])(?:{units}) ?{number}(?![0-9])" if unit in _CURRENCIES else behind


def before_fraction(one: str) -> str:
    """What stands before the fraction of a sum or a price; all of what is none: 2 kg are not 2,5 kg."""
    whole, point, rest = one.partition(".")
    unit = rest.lstrip("0123456789")
    return whole + unit if point and whole.isdecimal() and unit in _PRICES else one


def _of_sum(match: re.Match[str]) -> str:
    fraction = f".{match[2]}" if match[2] else ""
    return _SIGN.sub("", match[0][: len(match[0]) - len(fraction)]) + fraction


def _value(number: str) -> str:
    """A number with a point before its fraction, which has no zeros at its end; empty when it is none (1.2.3)."""
    found = _SUM.fullmatch(number)
    whole, *fractions = (_of_sum(found).split(".") if found else _SIGN.split(number))
    if len(fractions) > 1:
        return ""
    fraction = "".join(fractions).rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole
