"""What a reader of clean HTML would not see, written where it is seen. Pure.

Where a link leads whose text names another place or whose host looks like another one, and the words of a picture that
is not loaded.
Works on what nh3 wrote: lower case, each value in double quotes, no < in text. Our own attributes begin with `data-`,
which no letter may have.
"""

import re
from html import escape, unescape
from urllib.parse import unquote, urlsplit

from postbuch.archive import harmless
from postbuch.webmail.lookalikes import as_in_dns, is_lookalike, is_of_one

# A text that names a place is short; an address beyond this is cut off where it is shown.
MAX_LINK_CHARACTERS = 2_000
MAX_SHOWN_CHARACTERS = 100
# What our mark says when the host looks like another one.
ALIKE = "alike"

_ATTRIBUTES = r"((?: [a-z-]+=\"[^\"]*\")*)"
_LINK = re.compile(rf"<a{_ATTRIBUTES}>(.{{0,{MAX_LINK_CHARACTERS}}}?)</a>", re.DOTALL)
_PICTURE = re.compile(rf"<img{_ATTRIBUTES}>")
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_KEPT = ("id", "class", "title", "dir", "style")
_TAG = re.compile(r"<[^>]*>")
# A host, alone or in an address as people write it: `www.bank.example`, `https://bank.example/a`, `chef@firma.example`.
_PLACE = re.compile(
    r"(?:https?://|mailto:)?(?:[^\s/@]*+@)?((?:[\w-]++\.)+(?=[\d-]*+[^\W\d])[\w-]++)\.?(?::\d+)?(?:[/?#]\S*)?\Z",
    re.IGNORECASE,
)
# Among other words it takes more to be one: "Fa.Berg" is none.
_ADDRESS = re.compile(r"[<(\[\"']*(?:https?://|www\.)", re.IGNORECASE)
# What browsers read as the two slashes (WHATWG URL section 4.4).
_SCHEME = re.compile(r"https?:[/\\]*", re.IGNORECASE)


def disclosed(html: str, placeholder: str) -> str:
    """The same with both. placeholder: the address that stands for a picture that is not loaded."""
    html = _PICTURE.sub(lambda found: _words(found, placeholder), html)
    return _LINK.sub(_with_target, html)


def _words(found: re.Match[str], placeholder: str) -> str:
    """The words of the picture in its place, as large as it would be; what has none stays."""
    attributes = dict(_ATTRIBUTE.findall(found[1]))
    words = attributes.get("alt", "").strip()
    if not words or attributes.get("src") != placeholder:
        return found[0]
    sizes = ((name, attributes.get(name, "").strip()) for name in ("width", "height"))
    written = [f"{name}:{size}px" if size.isdecimal() else f"{name}:{size}" for name, size in sizes if size]
    if style := ";".join((*written, *filter(None, [attributes.get("style")]))):
        attributes["style"] = style
    kept = "".join(f' {name}="{attributes[name]}"' for name in _KEPT if name in attributes)
    return f'<span data-alt=""{kept}>{words}</span>'


def _with_target(found: re.Match[str]) -> str:
    address = unescape(dict(_ATTRIBUTE.findall(found[1])).get("href", ""))
    text = unescape(_TAG.sub("", found[2]))
    if not text.isascii():  # signs that nobody sees would hide a name from us
        text = "".join(each for each in text if each.isspace() or not harmless.is_blank(each))
    words = text.split()
    named = [word.strip("<>()[]\"'.,;:!?") for word in words if len(words) == 1 or _ADDRESS.match(word)]
    if alike := lookalike(address):
        return f'{found[0]}<span data-leads="{ALIKE}">{escape(alike)}</span>'
    elsewhere = next(filter(None, (_elsewhere(each, address) for each in named)), "")
    return f'{found[0]}<span data-leads="">{escape(elsewhere[:MAX_SHOWN_CHARACTERS])}</span>' if elsewhere else found[0]


def lookalike(address: str) -> str:
    """The host that the link leads to, as the DNS has it, if it can be taken for another one; else ''."""
    found = as_in_dns(host(address))
    return found[:MAX_SHOWN_CHARACTERS] if is_lookalike(found) else ""


def host(address: str) -> str:
    """The host that the link leads to, of a web page or of a mailbox; '' where there is none."""
    if address[:7].lower() == "mailto:":
        return unquote(address[7:].partition("?")[0]).rpartition("@")[2]
    return _host(address) or ""


def _elsewhere(text: str, address: str) -> str:
    """Where the link leads, if its text names another place."""
    named = _PLACE.match(text)
    if named is None or address.startswith("#"):
        return ""
    if address[:7].lower() == "mailto:":
        recipient = unquote(address[7:].partition("?")[0])
        return "" if text.lower().removeprefix("mailto:").partition("?")[0] == recipient.lower() else recipient
    leads_to = _host(address)
    if leads_to is None:
        return address
    leads_to, shown = _plain(leads_to), _plain(named[1])
    return "" if is_of_one(leads_to, shown) else leads_to


def _host(address: str) -> str | None:
    """Of an address of the web, as a browser reads it; '' of one that no browser opens; None of any other."""
    scheme = _SCHEME.match(address)
    if scheme is None:
        return None
    try:
        return unquote(urlsplit(f"//{address[scheme.end():]}".replace("\\", "/")).hostname or "")
    except ValueError:
        return ""


def _plain(name: str) -> str:
    return as_in_dns(name).removeprefix("www.")
