"""Names of months, as programs write them that translate what must not be translated (RFC 5322 section 3.3). Pure.

A name that means two months in two languages (listopad) is none: no day is better than a wrong one.
"""

import unicodedata
from functools import lru_cache

# How they begin from January on, without accents: where they come from Latin, the Slavic ones, those of Turkey, the
# Baltic and Finland, in Cyrillic, of Albania, in Greek. Where one beginning begins another the longer one counts.
_TABLES = (
    (
        "jan ene gen xan ian", "feb fev", "mar mrz maerz mrt mae", "apr abr avr", "may mai mag mei maj mee",
        "jun juin giu iun xun", "jul juil lug iul xul", "aug ago aou avg", "sep set sze", "oct okt ott out", "nov noi",
        "dec dez dic des",
    ),
    (
        "sty led sij", "lut uno velj", "bre ozu", "kwi dub tra", "kve svi", "cze cerven cervn cvn lipan lipn",
        "lipiec lipc cervenec cervence cvc srpan srpnj", "sie srpen srpna kol", "wrz zar ruj", "paz rij",
        "listopadu stu", "gru pro",
    ),
    ("oca", "sub", "", "nis", "", "haz", "tem", "agu", "eyl", "eki", "kas", "ara"),
    (
        "saus jaan", "vas veebr", "kov", "bal", "geg", "birz juuni", "liep juuli", "rugp", "rugs", "spal", "lapk",
        "gruod dets",
    ),
    ("tammi", "helmi", "maalis maa", "huhti", "touko", "kesa", "heina", "elo", "syys", "loka", "marras", "joulu"),
    (
        "янв яну січ сту јан", "фев лют феб", "мар бер сак", "апр квіт кра", "маи мая мај трав",
        "июн юни черв чэр јун", "июл юли лип ліп јул", "авг серп жні", "сен сеп вер", "окт жовт кас",
        "ноя ное нов лис ліс", "дек груд сне дец",
    ),
    ("", "shk", "", "pri", "", "qer", "korr", "gush", "sht", "tet", "nen", "dhj"),
    ("ιαν", "φεβ", "μαρ", "απρ", "μαι", "ιουν", "ιουλ", "αυγ", "σεπ", "οκτ", "νοε", "δεκ"),
)  # fmt: skip
_BEGINNINGS = sorted(
    (
        (beginning, month)
        for table in _TABLES
        for month, beginnings in enumerate(table, start=1)
        for beginning in beginnings.split()
    ),
    key=lambda entry: -len(entry[0]),
)


@lru_cache(maxsize=256)
def month(written: str) -> int:
    """Its number; 0 when it is the name of none, or of several."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", written.lower()) if not unicodedata.combining(each))
    return next((number for beginning, number in _BEGINNINGS if plain.startswith(beginning)), 0)
