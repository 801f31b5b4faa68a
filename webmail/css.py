"""Style sheets and style attributes of hostile mail: what is left can colour and lay out, and nothing else.

An allow-list of properties, functions, rules and selectors over tinycss2's reading. Whatever could load something from
elsewhere (url() of all but the message's own pictures, image-set(), @import, @font-face), leave its place (position,
z-index, opacity, calc()), write text (content), hide its meaning (escapes, var()) or cost more than it is worth (too
many selectors) is dropped, one declaration or rule at a time.
Pure; the caller bounds the time.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import tinycss2
from tinycss2.ast import AtRule, Declaration, FunctionBlock, Node, QualifiedRule

from postbuch.webmail.cssselectors import PLAIN_WORD, selectors

# 256 Ki characters: the largest sheet in 1,300 test mails is 40 Ki; Gmail stops at 16 Ki.
MAX_SHEET_CHARACTERS = 262_144
MAX_ATTRIBUTE_CHARACTERS = 4_096
# Rules times elements is what a browser has to match: 2,000 rules hold every newsletter seen.
MAX_RULES = 2_000
# Larger lengths only serve to break the page. 10,000 px is some twelve screens.
MAX_LENGTH = 10_000
# Pixels: hanging indents of Word have some 70 pt. What is shifted farther than this lies outside of the frame, unseen.
MIN_LENGTH = -100
# Values in a declaration; a font list with twenty names fits.
MAX_VALUE_NODES = 80
_MAX_NESTING = 4

PROPERTIES = frozenset(
    """
    background background-color background-image background-position background-repeat background-size border
    border-image border-image-repeat border-image-slice border-image-source border-image-width list-style-image
    border-bottom border-bottom-color border-bottom-left-radius border-bottom-right-radius border-bottom-style
    border-bottom-width border-collapse border-color border-left border-left-color border-left-style
    border-left-width border-radius border-right border-right-color border-right-style border-right-width
    border-spacing border-style border-top border-top-color border-top-left-radius border-top-right-radius
    border-top-style border-top-width border-width
    box-sizing caption-side clear color column-count column-gap direction display empty-cells float font font-family
    font-size font-stretch font-style font-variant font-weight gap align-items align-content align-self justify-content
    justify-items flex flex-basis flex-direction flex-flow flex-grow flex-shrink flex-wrap order height letter-spacing
    line-height list-style list-style-position list-style-type margin margin-bottom margin-left margin-right margin-top
    max-height max-width min-height min-width object-fit outline outline-color outline-style outline-width
    overflow-wrap padding padding-bottom padding-left padding-right padding-top quotes table-layout tab-size text-align
    text-decoration text-decoration-color text-decoration-line text-decoration-style text-indent text-overflow
    text-transform unicode-bidi vertical-align visibility white-space width word-break word-spacing word-wrap
    """.split()  # noqa: SIM905 - a list of quoted words would fill three pages
)
_WITH_PICTURE = frozenset({
    "background", "background-image", "border-image", "border-image-source", "list-style", "list-style-image",
})  # fmt: skip
# None that computes a length (calc(), min(), max(), clamp()): what comes of it is known to the browser alone, so the
# bounds above would not hold. None of 1,300 test mails has one.
_FUNCTIONS = frozenset({"rgb", "rgba", "hsl", "hsla", "linear-gradient", "radial-gradient"})
# Pixels of each, about: letters are as large as in most mail, and a window is 1280 px wide. Without vh: the frame is as
# tall as the letter, which would be as tall as the frame.
_LENGTH_UNITS = {
    "px": 1, "pt": 4 / 3, "pc": 16, "in": 96, "cm": 38, "mm": 3.8, "em": 16, "rem": 16, "ex": 8, "ch": 8, "vw": 12.8,
}  # fmt: skip
_MEDIA_FEATURES = frozenset({"max-width", "min-width", "max-device-width", "min-device-width", "orientation"})
_MEDIA_WORDS = frozenset({"screen", "all", "print", "and", "only", "portrait", "landscape"}) | _MEDIA_FEATURES


# The address of ours for a picture of the message that is referred to.
Picture = Callable[[str], str | None]


def no_picture(reference: str) -> str | None:
    """For a style that has no message."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanStyle:
    """Clean CSS text, and how many loads from elsewhere were taken out of it."""

    text: str
    remote: int = 0


def clean_attribute(value: str, picture: Picture = no_picture) -> CleanStyle:
    """The declarations of a style attribute that may stay. What `picture` gives holds no quotes."""
    if len(value) > MAX_ATTRIBUTE_CHARACTERS:
        return CleanStyle(text="")
    return _declarations(tinycss2.parse_blocks_contents(value, skip_comments=True, skip_whitespace=True), picture)


def clean_sheet(text: str, *, id_prefix: str = "", picture: Picture = no_picture) -> CleanStyle:
    """The rules of a style sheet that may stay. Ids in selectors get the prefix that the elements' ids have."""
    rules = tinycss2.parse_stylesheet(text[:MAX_SHEET_CHARACTERS], skip_comments=True, skip_whitespace=True)
    kept, remote = _rules(rules, id_prefix, picture, inside_media=False)
    return CleanStyle(text="\n".join(kept), remote=remote)


def _rules(
    rules: Iterable[Node], id_prefix: str, picture: Picture, *, inside_media: bool
) -> tuple[list[str], int]:
    kept: list[str] = []
    remote = 0
    for rule in rules:
        if len(kept) >= MAX_RULES:
            break
        if isinstance(rule, QualifiedRule):
            chosen = selectors(rule.prelude, id_prefix)
            style = _declarations(
                tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True), picture
            )
            remote += style.remote
            if chosen and style.text:
                kept.append(f"{chosen}{{{style.text}}}")
        elif isinstance(rule, AtRule):
            if rule.lower_at_keyword == "media" and not inside_media and rule.content is not None:
                media = _media(rule.prelude)
                inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
                texts, count = _rules(inner, id_prefix, picture, inside_media=True)
                remote += count
                if media and texts:
                    kept.append(f"@media {media}{{{''.join(texts)}}}")
            elif rule.lower_at_keyword == "import":
                remote += 1
            elif rule.lower_at_keyword == "font-face" and rule.content is not None:
                remote += _loads(rule.content)
    return kept, remote


def _declarations(nodes: Iterable[Node], picture: Picture) -> CleanStyle:
    kept: list[str] = []
    remote = 0
    for node in nodes:
        if not isinstance(node, Declaration):
            continue
        if node.lower_name == "opacity":
            if _is_nothing(node.value):
                kept.append(f"visibility:hidden{' !important' if node.important else ''}")
            continue
        if node.lower_name in _WITH_PICTURE:
            value, count = _with_picture(node.value, picture)
            remote += count
        else:
            remote += _loads(node.value)
            value = _value(node.value, depth=0) if node.lower_name in PROPERTIES else ""
        if value:
            kept.append(f"{node.lower_name}:{value}{' !important' if node.important else ''}")
    return CleanStyle(text=";".join(kept), remote=remote)


def _is_nothing(nodes: Sequence[Node]) -> bool:
    """Whether an opacity hides what has it.

    That it may, in a way that takes no clicks. Another one would put the element above what stands there, our own
    words as well (a stacking context, CSS Color 4 section 12); it is shown as if it had none.
    """
    values = [node for node in nodes if node.type != "whitespace"]
    return len(values) == 1 and values[0].type in ("number", "percentage") and values[0].value <= 0


def _with_picture(nodes: Sequence[Node], picture: Picture) -> tuple[str, int]:
    """The value with the message's own pictures under our addresses, and how many others were taken out of it.

    Those go alone: white text was written for the colour behind.
    """
    if len(nodes) > MAX_VALUE_NODES:
        return "", _loads(nodes)
    # Of several pictures each has its own place and size, by its place in the list.
    gap = "none" if any(node.type == "literal" and node.value == "," for node in nodes) else ""
    out: list[str | None] = []
    remote = 0
    for node in nodes:
        address = _url(node)
        own = picture(address) if address is not None else None
        loads = 0 if own else _loads([node])
        remote += loads
        if own:
            out.append(f'url("{own}")')
        else:
            out.append(gap if loads or address is not None else _value_node(node, 0))
    return ("" if None in out else "".join(filter(None, out)).strip()), remote


def _url(node: Node) -> str | None:
    """The address of a url(), with and without quotes."""
    if node.type == "url":
        return str(node.value)
    if isinstance(node, FunctionBlock) and node.lower_name == "url":
        inside = [each for each in node.arguments if each.type != "whitespace"]
        return str(inside[0].value) if len(inside) == 1 and inside[0].type == "string" else None
    return None


def _loads(nodes: Sequence[Node], depth: int = 0) -> int:
    """How many things these values would load."""
    if depth > _MAX_NESTING:
        return 0
    count = 0
    for node in nodes:
        if (address := _url(node)) is not None:
            count += 0 if address.strip().lower().startswith(("data:", "cid:", "#")) else 1
        elif isinstance(node, FunctionBlock):
            if node.lower_name in ("url", "image", "src", "image-set", "-webkit-image-set", "cross-fade"):
                count += 1
            else:
                count += _loads(node.arguments, depth + 1)
    return count


def _value(nodes: Sequence[Node], depth: int) -> str:
    """The value written anew from what was understood; empty when any of it may not stay."""
    if len(nodes) > MAX_VALUE_NODES or depth > _MAX_NESTING:
        return ""
    out: list[str] = []
    for node in nodes:
        text = _value_node(node, depth)
        if text is None:
            return ""
        out.append(text)
    return "".join(out).strip()


def _value_node(node: Node, depth: int) -> str | None:
    kind: str = node.type
    if kind == "whitespace":
        return " "
    if kind == "comment":
        return ""
    if kind == "ident":
        word: str = node.value
        # Old Internet Explorer's way to run script from a style; no browser of today knows it.
        return word if PLAIN_WORD.match(word) and word.lower() not in ("expression", "behavior") else None
    if kind == "hash":
        return f"#{node.value}" if re.fullmatch(r"[0-9A-Fa-f]{3,8}", node.value) else None
    if kind in ("number", "percentage", "dimension"):
        return _number(node)
    if kind == "string":
        # Only names of fonts and quotes are strings here.
        text: str = node.value
        return f'"{text}"' if re.fullmatch(r"[\w .,&+-]{1,80}", text) else None
    if kind == "literal":
        return node.value if node.value in (",", "/") else None
    if isinstance(node, FunctionBlock) and node.lower_name in _FUNCTIONS:
        inner = _value(node.arguments, depth + 1)
        return f"{node.lower_name}({inner})" if inner else None
    return None


def _number(node: Node) -> str | None:
    number = float(node.value)
    if number != number or abs(number) > MAX_LENGTH:
        return None
    text = f"{number:.4f}".rstrip("0").rstrip(".")
    if node.type == "percentage":
        return f"{text}%" if number >= 0 else None  # of the whole width
    if node.type == "dimension":
        unit: str = node.lower_unit
        if unit in _LENGTH_UNITS:
            return f"{text}{unit}" if MIN_LENGTH <= number * _LENGTH_UNITS[unit] <= MAX_LENGTH else None
        return f"{text}{unit}" if unit in ("deg", "fr") else None
    return text


def _media(prelude: Sequence[Node]) -> str:
    """A media query about the width of the window; any other one (dark mode, resolution) drops its rules."""
    out: list[str] = []
    for node in prelude:
        kind: str = node.type
        if kind == "whitespace":
            out.append(" ")
        elif kind == "ident" and node.lower_value in _MEDIA_WORDS:
            out.append(node.lower_value)
        elif kind == "literal" and node.value == ",":
            out.append(",")
        elif kind == "() block":
            words = [part for part in node.content if part.type != "whitespace"]
            if len(words) != 3 or words[0].type != "ident" or words[0].lower_value not in _MEDIA_FEATURES:
                return ""
            value = _value(words[2:], depth=1)
            if words[1].type != "literal" or words[1].value != ":" or not value:
                return ""
            out.append(f"({words[0].lower_value}:{value})")
        else:
            return ""
    return "".join(out).strip()
