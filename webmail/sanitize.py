"""HTML of hostile mail made harmless: an allow-list of elements and attributes, clean styles, nothing loaded from afar.

What comes out goes into a document of its own, in a frame without scripts, under a policy that forbids every load
but our own images (`body.py`). So this is one of three walls, and none relies on the others. This is the one home of
nh3. Pure; sizes are bounded here, time by the child process that runs it (`cleaner.py`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import nh3

from postbuch.archive import htmltext, references
from postbuch.webmail import bounds, css, disclosed

# What a data: image may have; larger ones are counted as removed.
MAX_DATA_CHARACTERS = 262_144
MAX_URL_CHARACTERS = 8_192
ID_PREFIX = "m-"
# Stands where a remote image was: keeps its place in the layout, shows no torn picture. One transparent pixel.
PLACEHOLDER = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

_TAGS = frozenset(
    """
    a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del
    details dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark
    nav ol p pre q s samp section small span strike strong sub summary sup table tbody td tfoot th thead time tr
    tt u ul var wbr
    """.split()  # noqa: SIM905 - a list of quoted words would fill three pages
)
# Elements whose content goes with them: code, foreign vocabularies and what a parser reads in another way.
_WITH_CONTENT = frozenset(
    """
    script style title svg math template noscript noembed noframes iframe object embed applet xmp plaintext textarea
    select audio video canvas map
    """.split()  # noqa: SIM905 - a list of quoted words would fill three pages
)
_ANYWHERE = frozenset({"style", "class", "id", "dir", "lang", "title", "align", "valign", "width", "height", "bgcolor"})
_ATTRIBUTES = {
    "a": {"href"},
    "img": {"src", "alt", "border", "hspace", "vspace", "srcset"},
    "table": {"border", "cellpadding", "cellspacing", "background", "rules", "frame", "summary"},
    "td": {"colspan", "rowspan", "nowrap", "background", "abbr", "scope"},
    "th": {"colspan", "rowspan", "nowrap", "background", "abbr", "scope"},
    "tr": {"background"},
    "col": {"span"},
    "colgroup": {"span"},
    "font": {"color", "face", "size"},
    "hr": {"size", "noshade", "color"},
    "ol": {"start", "type", "reversed"},
    "ul": {"type"},
    "li": {"value", "type"},
    "br": {"clear"},
    "blockquote": {"type"},
    "details": {"open"},
    "time": {"datetime"},
}
# ammonia lets an allowed attribute through on its element; these sets are what it is given.
_ALLOWED = {"*": set(_ANYWHERE), **{tag: set(names) for tag, names in _ATTRIBUTES.items()}}

_LINK = re.compile(r"(?:https?://|mailto:|tel:)[^\s]", re.IGNORECASE)
_DATA_IMAGE = re.compile(r"data:image/(?:png|jpe?g|gif|webp|bmp);base64,[A-Za-z0-9+/=\s]*\Z", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(\d{1,5})(?:\.\d*)?(?:px|%)?\s*\Z")
_COLOUR = re.compile(r"#?[A-Za-z0-9]{1,30}\Z")
_WORDS = re.compile(r"[\w ,.'\"-]{0,200}\Z")
_BODY_BEGIN = re.compile(r"<body\b", re.IGNORECASE)
_ROOT_BEGIN = re.compile(r"<html\b", re.IGNORECASE)
# HTML Living Standard section 13.2.5, "comment start state" and "comment end state".
_COMMENT_OR_SHEET = re.compile(r"<!--(?P<comment>-?>)?|<style", re.IGNORECASE)
_COMMENT_END = re.compile(r"--!?>")
_SHEET_END = re.compile(r"</style", re.IGNORECASE)
# What stands in a tag, with quotes around a > and with one that nothing ends.
_INSIDES = (re.compile(r"((?>(?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*))>"), re.compile(r"([^>]*)>"))
MAX_TAG_CHARACTERS = 4_096
# Spans: a table with colspan=1000000 costs a browser seconds; Chromium itself stops at 1,000 and 65,534.
_MAX_SPAN = 100
_MAX_PIXELS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanBody:
    """Harmless HTML (a fragment), its style sheet, and what was taken out."""

    html: str
    sheet: str
    remote_images: int
    truncated: bool


@dataclass(slots=True)
class _Count:
    remote: int = 0


def clean_html(html: str, inline: Mapping[str, str], base: str = "") -> CleanBody:
    """The message's HTML without anything that acts or loads.

    `inline` says under which address of ours a picture of the message is served, by what references to it resolve to
    (`references.py`) in HTML that has the base. Our addresses hold no quotes.
    """
    whole, html = html, bounds.writable(html[:htmltext.MAX_SHOWN_CHARACTERS])
    truncated = len(html) < len(whole)
    count = _Count()

    def picture(reference: str) -> str | None:
        return references.find(inline, reference, base) if inline else None

    sheet = _sheet(html, picture, count)
    html = _with_root(_with_body(html))

    def attribute(tag: str, name: str, value: str) -> str | None:
        return _attribute(name, value, picture, count)

    clean = nh3.clean(
        html,
        tags=set(_TAGS),
        clean_content_tags=set(_WITH_CONTENT),
        attributes=_ALLOWED,
        attribute_filter=attribute,
        strip_comments=True,
        link_rel="noopener noreferrer",
        # Checked before our filter sees the value; what each may be used for is said there.
        url_schemes={"http", "https", "mailto", "tel", "data", "cid"},
        set_tag_attribute_values={"a": {"target": "_blank"}},
        id_prefix=ID_PREFIX,
    )
    shown, cut = bounds.cut(disclosed.disclosed(clean, PLACEHOLDER))
    return CleanBody(html=shown, sheet=sheet, remote_images=count.remote, truncated=truncated or cut)


def _with_body(html: str) -> str:
    """A <div> stands for <body>, which would vanish with the colours and the stationery that the author chose.

    No other element whose colour is seen beneath it has its `background`: the picture becomes a style of one within.
    """
    begin = _BODY_BEGIN.search(html)
    tag = begin and _inside(html, begin.end())
    if begin is None or tag is None:
        return html
    written = next((value.strip() for name, value in htmltext.attributes(tag[1]) if name == "background"), "")
    within = ""
    if written and not re.search(r'["\\\r\n\f]', written):
        style = escape(f'background-image:url("{written}")')
        within = f'<div style="{style}">'
    return f"{html[:begin.start()]}<div{tag[1]}>{within}{html[tag.end():]}"


def _with_root(html: str) -> str:
    """Another one stands for <html> where that says something: letters in Hebrew have their direction there."""
    begin = _ROOT_BEGIN.search(html)
    tag = begin and _inside(html, begin.end())
    if begin is None or tag is None or _ANYWHERE.isdisjoint(name for name, _ in htmltext.attributes(tag[1])):
        return html
    return f"{html[:begin.start()]}<div{tag[1]}>{html[tag.end():]}"


def _inside(html: str, place: int) -> re.Match[str] | None:
    return next(filter(None, (each.match(html, place, place + MAX_TAG_CHARACTERS) for each in _INSIDES)), None)


def _sheet(html: str, picture: css.Picture, count: _Count) -> str:
    """All <style> elements, cleaned. Read by plain searching: what comes of it is clean, whatever it was.

    Those in comments are for Outlook alone, and most newsletters have them.
    """
    texts: list[str] = []
    place = characters = 0
    while characters < css.MAX_SHEET_CHARACTERS and (found := _COMMENT_OR_SHEET.search(html, place)):
        place = found.end()
        if found["comment"]:
            continue
        if found[0] == "<!--":
            end = _COMMENT_END.search(html, place)
        else:
            inner = html.find(">", place) + 1
            end = _SHEET_END.search(html, inner) if inner else None
            if end is not None:
                texts.append(html[inner : end.start()])
                characters += len(texts[-1])
        if end is None:
            break
        place = end.end()
    text = "\n".join(texts).replace("<!--", "").replace("-->", "")
    style = css.clean_sheet(text, id_prefix=ID_PREFIX, picture=picture)
    count.remote += style.remote
    # No value or selector can hold it, and if one day one could, it must not end our <style> element.
    return style.text.replace("<", "")


def _attribute(name: str, value: str, picture: css.Picture, count: _Count) -> str | None:
    if name == "style":
        style = css.clean_attribute(value, picture)
        count.remote += style.remote
        return style.text or None
    if name == "href":
        return _link(value)
    if name == "src":
        return _image(value, picture, count)
    if name == "background":
        own = picture(value)
        count.remote += own is None and not value.strip().lower().startswith(("cid:", "data:"))
        return own
    if name == "srcset":
        return None
    if name in ("colspan", "rowspan", "span"):
        return _bounded(value, _MAX_SPAN)
    if name in ("width", "height", "border", "cellpadding", "cellspacing", "hspace", "vspace"):
        return value if _bounded(value, _MAX_PIXELS) else None
    if name in ("color", "bgcolor"):
        return value if _COLOUR.match(value.strip()) else None
    if name == "face":
        return value if _WORDS.match(value) else None
    return value[:MAX_URL_CHARACTERS]


def _bounded(value: str, most: int) -> str | None:
    found = _NUMBER.match(value)
    return str(int(found[1])) if found and int(found[1]) <= most else None


def _link(value: str) -> str | None:
    """An absolute link, or a place in the same message. A relative one would lead into our own pages."""
    # Browsers drop tabs and line ends in addresses (WHATWG URL section 4.4), so they are no cover here either.
    address = "".join(character for character in value.strip() if character not in "\t\r\n")
    if len(address) > MAX_URL_CHARACTERS:
        return None
    if address.startswith("#") and re.fullmatch(r"#[\w.:-]{1,200}", address):
        return f"#{ID_PREFIX}{address[1:]}"
    if address.startswith("//"):
        address = f"https:{address}"
    return address if _LINK.match(address) else None


def _image(value: str, picture: css.Picture, count: _Count) -> str | None:
    if (own := picture(value)) is not None:
        return own
    address = value.strip()
    if address[:4].lower() == "cid:":
        return None
    if address[:5].lower() == "data:":
        if len(address) <= MAX_DATA_CHARACTERS and _DATA_IMAGE.match(address):
            return address
        return None
    count.remote += 1
    return PLACEHOLDER
