"""The colours of an HTML letter for the dark: light grounds become dark, dark writing light, pictures stay as they are.

Works on what `sanitize.py` and `css.py` wrote, and changes nothing there but colours, so no wall gets thinner. Each
colour is looked at by itself, without knowing what lies behind it: grounds are mirrored at one luminance and never get
lighter, writing is mirrored at the same one and never gets darker. So writing stands out from its ground as much as
the author made it, or more: dark on light turns over, light on dark stays. Pure, and linear in what it reads.
"""

import re
from dataclasses import dataclass, field, replace
from html import escape, unescape
from math import isfinite
from typing import Literal

from tinycss2 import color4

from postbuch.webmail.sanitize import CleanBody

Role = Literal["ground", "writing", "line"]
Linear = tuple[float, float, float]

# What white becomes: the surface of the dark theme, so that a letter has no edge. `body.html` has the same.
SURFACE = "#1a1e21"
# Relative luminance (WCAG 2.2) of the brightest writing, #e3e6e8: pure white on black tires.
MAX_WRITING = 0.78
# Lines that were black would glare as white: these divide, they are not read.
MAX_LINE = 0.2
# WCAG 2.2, "contrast ratio": what is added to a luminance before two are compared.
_GLARE = 0.05
# The brightest ground, 0.130: black on a middle one turns into the brightest writing, which has to stand out 4.5 to 1;
# rounded colours take 0.1 of 4.6.
MAX_GROUND = (MAX_WRITING + _GLARE) / 4.6 - _GLARE
# Different colours and words in one letter; what comes after them stays as it is. Newsletters have a hundred, and 5,000
# take 0.3 s; without a bound a letter of 2 Mi characters would keep everybody waiting for 4 s.
MAX_COLOURS = 5_000

# Start tags as nh3 writes them: lower case, each value in double quotes, no < in text.
_TAG = re.compile(r'<([a-z][a-z0-9]*)((?: [a-z-]+="[^"]*")+)>')
# All of them, one after the other: a title may end in ` style=`.
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_PAINTED = ("style", "bgcolor", "color")
# Declarations as `css.py` writes them, in an attribute and in a sheet.
_DECLARATION = re.compile(
    r"(?:(?<=[;{}])|\A)(color|background(?:-color|-image)?|(?:border|outline|text-decoration)(?:-[a-z]+)*):([^;{}]+)"
)
_COLOUR = re.compile(r'url\("[^"]*"\)|#[0-9A-Fa-f]{3,8}|(?:rgb|hsl)a?\([^()]*\)|(?<![\w-])[A-Za-z]+(?![\w(-])')
# HTML takes "ffffff" for a colour (HTML Living Standard, "rules for parsing a legacy color value").
_BARE = re.compile(r"(?:[0-9A-Fa-f]{3}){1,2}\Z")


def darkened(body: CleanBody) -> CleanBody:
    """The same letter in dark colours."""
    brush = _Brush()
    return replace(body, html=_TAG.sub(brush.tag, body.html), sheet=brush.style(body.sheet))


@dataclass(slots=True)
class _Brush:
    """Paints one letter, each colour of it once."""

    known: dict[tuple[str, Role], str] = field(default_factory=dict)

    def tag(self, found: re.Match[str]) -> str:
        """A start tag."""
        name = found[1]

        def attribute(part: re.Match[str]) -> str:
            if part[1] not in _PAINTED:
                return part[0]
            value = unescape(part[2])
            if part[1] == "style":
                value = self.style(value)
            else:
                value = value.strip()
                role: Role = "ground" if part[1] == "bgcolor" else "line" if name == "hr" else "writing"
                value = self.colour(f"#{value}" if _BARE.match(value) else value, role)
            return f' {part[1]}="{escape(value)}"'

        return f"<{name}{_ATTRIBUTE.sub(attribute, found[2])}>"

    def style(self, text: str) -> str:
        """Declarations, or a sheet of them."""

        def declaration(found: re.Match[str]) -> str:
            role = _role(found[1])
            return f"{found[1]}:{_COLOUR.sub(lambda part: self.colour(part[0], role), found[2])}"

        return _DECLARATION.sub(declaration, text)

    def colour(self, text: str, role: Role) -> str:
        """The colour for its role; what is none stays."""
        made = self.known.get((text, role))
        if made is None:
            if len(self.known) >= MAX_COLOURS:
                return text
            made = self.known[text, role] = _repainted(text, role)
        return made


def _role(name: str) -> Role:
    if name.startswith("background"):
        return "ground"
    return "line" if name.startswith(("border", "outline")) else "writing"


def _repainted(text: str, role: Role) -> str:
    # Colours of the system (`windowtext`) are none here: they follow the theme by themselves.
    colour = color4.parse_color(text)
    if colour is None or colour == "currentcolor" or not colour.alpha:
        return text
    red, green, blue, alpha = parts = tuple(colour.to("srgb"))
    if not all(map(isfinite, parts)):  # `hsl(0 1e999% 50%)`
        return text
    linear = (_linear(red), _linear(green), _linear(blue))
    made = _darker(linear) if role == "ground" else _lighter(linear) if role == "writing" else _line(linear)
    octets = [round(255 * _encoded(part)) for part in made]
    if alpha >= 1:
        return "#" + "".join(f"{part:02x}" for part in octets)
    return f"rgba({octets[0]},{octets[1]},{octets[2]},{alpha:.3f})"


def _darker(linear: Linear) -> Linear:
    luminance = _luminance(linear)
    wanted = min(_mirrored(luminance), MAX_GROUND)
    if wanted >= luminance:
        return linear
    # With the tint of the surface as far as it is light, so that white becomes the surface itself.
    scale, own = wanted / luminance, _luminance(_WHITE_BECOMES)
    red, green, blue = (
        part * scale * (1 + luminance * (tint / own - 1)) for part, tint in zip(linear, _WHITE_BECOMES, strict=True)
    )
    return red, green, blue


def _lighter(linear: Linear) -> Linear:
    luminance = _luminance(linear)
    wanted = min(_mirrored(luminance), MAX_WRITING)
    return linear if wanted <= luminance else _whiter(linear, luminance, wanted)


def _line(linear: Linear) -> Linear:
    luminance = _luminance(linear)
    wanted = min(_mirrored(luminance), MAX_LINE)
    if wanted > luminance:
        return _whiter(linear, luminance, wanted)
    red, green, blue = (part * wanted / luminance for part in linear)
    return red, green, blue


def _whiter(linear: Linear, luminance: float, wanted: float) -> Linear:
    share = (wanted - luminance) / (1 - luminance)
    red, green, blue = (part + share * (1 - part) for part in linear)
    return red, green, blue


def _mirrored(luminance: float) -> float:
    """What stands out from the surface as this one does from white."""
    return (_luminance(_WHITE_BECOMES) + _GLARE) * (1 + _GLARE) / (luminance + _GLARE) - _GLARE


def _luminance(linear: Linear) -> float:
    """WCAG 2.2, "relative luminance"."""
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _linear(part: float) -> float:
    part = min(max(part, 0.0), 1.0)
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _encoded(part: float) -> float:
    part = min(max(part, 0.0), 1.0)
    return part * 12.92 if part <= 0.0031308 else float(1.055 * part ** (1 / 2.4) - 0.055)


def _of_hex(text: str) -> Linear:
    red, green, blue = (_linear(octet / 255) for octet in bytes.fromhex(text[1:]))
    return red, green, blue


_WHITE_BECOMES = _of_hex(SURFACE)
