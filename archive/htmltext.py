"""The words of an HTML body, for finding and for the preview. Linear, no renderer, and no protection: see webmail."""

import html
import re
from collections.abc import Iterator

# 1 MiB of HTML is read for its words; newsletters are below 200 KiB.
MAX_CHARACTERS = 1_048_576
# The inside of a tag from behind its name: a value in quotes may hold any sign, also such as begin and end tags.
# Possessive: each sign is looked at once, and a tag without an end matches as far as it goes, so that no sign is
# looked at again for the next beginning.
_ATTRIBUTES = r"[^<>=]*+(?>(?:=\s*+(?>(?:\"[^\"]*\"|'[^']*')?)[^<>=]*+)*)"
_TAG = re.compile(rf"</?+([A-Za-z][^\s/<>=]*+)({_ATTRIBUTES})(>?)|<[/!?][^<>]*>")
# What people never see, from here to its end. Where the end is missing it takes all that is left, as browsers do, so
# that no octet is looked at for each beginning before it; only `head` also ends where the body begins.
_NAMES = ("script", "style", "title", "template", "noscript", "object", "svg", "head")
_SILENT = re.compile(rf"<(?:!--|({'|'.join(_NAMES)})\b)", re.IGNORECASE)
# Whether one begins is looked at only where its first letter stands: so all takes a third of the time.
_BEFORE_SILENT = re.compile(
    rf"[^<]*+(?>(?:<(?!(?=[!{''.join(name[0] + name[0].upper() for name in _NAMES)}])"
    rf"(?i:!--|(?:{'|'.join(_NAMES)})\b))(?>(?:/?+[A-Za-z]{_ATTRIBUTES}>?)?)[^<]*+)*)"
)
_ENDS = {
    name: re.compile(rf"</{name}[^<>]*>" + (r"|(?=<body\b)" if name == "head" else ""), re.IGNORECASE)
    for name in _NAMES
}
_EMPTY_ELEMENT = re.compile(r"[^<>]*/>")
# Elements within a word or beside it. All others are the border of one, also those that nobody has heard of.
_INLINE = """
    a abbr acronym b bdi bdo big blink cite code data del dfn em font i ins kbd label mark nobr q rb rp rt ruby s samp
    small span strike strong sub sup time tt u var wbr
"""
# Borders of words that stand in one line.
_BORDERS = dict.fromkeys(_INLINE.split(), "") | dict.fromkeys(("td", "th", "img", "input", "button"), " ")
_PICTURE = re.compile(rf"<img\b({_ATTRIBUTES})>", re.IGNORECASE)
# 1,000 signs: what a picture shows is said in a sentence or two; a whole page of a newsletter as one picture has 800.
MAX_DESCRIPTION_CHARACTERS = 1000
# What pages show of HTML: Outlook's longest threads are 1.5 Mi characters; beyond that people download the message.
MAX_SHOWN_CHARACTERS = 2_097_152
# One after the other, so that nothing is an attribute that stands in the value of another.
_ATTRIBUTE = re.compile(r"(?<![^\s/\"'])([^\s\"'=<>/]++)\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)'|([^\s>]*))")
# Elements of which browsers know the attribute `background`.
_WITH_BACKGROUND = frozenset({"body", "table", "td", "th", "tr"})
_SHEET = re.compile(r"<style\b[^<>]*>((?>(?:[^<]++|<(?!/style))*))", re.IGNORECASE)
_COMMENT = re.compile(r"/\*(?>(?:[^*]++|\*(?!/))*)(?:\*/)?")
_DECLARATION = re.compile(
    r"(?<![\w-])(?:background(?:-image)?|border-image(?:-source)?|list-style(?:-image)?)\s*+:"
    r"((?>(?:[^;{}\"'()]++|\"[^\"]*+\"?|'[^']*+'?|\([^)]*+\)?|\))*))", re.IGNORECASE
)  # fmt: skip
_URL = re.compile(r"(?<![\w-])url\(\s*+(?:\"([^\"]*)\"|'([^']*)'|([^\s\"')]*))", re.IGNORECASE)
_BASE = re.compile(r"<base\s([^<>]*)>", re.IGNORECASE)


def words(source: str) -> str:
    """The readable text, with a line end at every block and a space between the cells of a table."""
    return _words(_without_silent(source[:MAX_CHARACTERS]))


def words_and_descriptions(source: str) -> tuple[str, str]:
    """`words`, and a line for each picture that says what it shows, once each."""
    seen = _without_silent(source[:MAX_CHARACTERS])
    found: dict[str, None] = {}
    for picture in _PICTURE.finditer(seen):
        for name, value in attributes(picture[1]):
            if name == "alt" and (said := " ".join(value[:MAX_DESCRIPTION_CHARACTERS].split())):
                found[said] = None
    return _words(seen), "\n".join(found)


def pictures(source: str) -> set[str]:
    """What the body refers to as its pictures, as written: in its elements and its styles."""
    source = source[:MAX_SHOWN_CHARACTERS]
    found = {url for sheet in _SHEET.finditer(source) for url in _pictures_of(sheet[1])}
    for tag in _TAG.finditer(_without_silent(source)):
        element = (tag[1] or "").lower()
        for name, value in attributes(tag[2] or ""):
            if name == "style":
                found |= _pictures_of(value)
            elif element == "img" if name == "src" else name == "background" and element in _WITH_BACKGROUND:
                found.add(value)
    return found


def base(source: str) -> str:
    """The address to which the body says that its references are relative; empty when it says none."""
    for tag in _BASE.finditer(source[:MAX_SHOWN_CHARACTERS]):
        for name, value in attributes(tag[1]):
            if name == "href":
                return value.strip()
    return ""


def shows(source: str) -> bool:
    """Whether there is anything to see: a word or a picture."""
    seen = _without_silent(source)
    return "<img" in seen.lower() or bool(words(seen).strip())


def attributes(inside: str) -> Iterator[tuple[str, str]]:
    """Name in lower case and value of those that have one, of what stands in a tag behind its name."""
    for found in _ATTRIBUTE.finditer(inside):
        yield found[1].lower(), html.unescape(found[2] or found[3] or found[4] or "")


def _words(seen: str) -> str:
    text = html.unescape(_TAG.sub(_border, seen))
    return text.replace("\xa0", " ").replace("\u200c", "").replace("\xad", "")


def _pictures_of(style: str) -> set[str]:
    """What declarations load: backgrounds, borders and the marks of lists.

    Escapes are not undone: nobody writes an address with them.
    """
    if "url(" not in style.lower():
        return set()
    return {
        url[1] or url[2] or url[3] or ""
        for declaration in _DECLARATION.finditer(_COMMENT.sub("", style))
        for url in _URL.finditer(declaration[1])
    }


def _border(tag: re.Match[str]) -> str:
    """What stands for a tag. The names of Office have a colon and mean nothing; what has no end is no tag."""
    name = tag[1]
    if name is None:
        return ""
    if not tag[3]:
        return tag[0]
    return _BORDERS.get(name.lower(), "" if ":" in name else "\n")


def _without_silent(text: str) -> str:
    pieces = []
    place = 0
    while (before := _BEFORE_SILENT.match(text, place)) is not None:
        pieces.append(before[0])
        start = _SILENT.match(text, before.end())
        if start is None:
            break
        place = _silent_end(text, start)
    return "".join(pieces)


def _silent_end(text: str, start: re.Match[str]) -> int:
    if start[1] is None:
        end = text.find("-->", start.end())
        return len(text) if end < 0 else end + 3
    name = start[1].lower()
    if name != "head" and (empty := _EMPTY_ELEMENT.match(text, start.end())) is not None:
        return empty.end()
    found = _ENDS[name].search(text, start.end())
    return len(text) if found is None else found.end()
