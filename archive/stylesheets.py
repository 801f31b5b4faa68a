"""Style sheets that came as parts of their own, put into the HTML that refers to them as <style>. Pure.

So whoever makes the HTML harmless makes these harmless as well, and nothing is ever fetched.
"""

import re
from collections.abc import Sequence

from postbuch.archive import htmltext, mimepart, references
from postbuch.archive.mimepart import Part

# 256 Ki characters of all sheets of a text are as many as the page reads (`webmail/css.py`).
MAX_CHARACTERS = 262_144
_LINK = re.compile(r"<link\b([^<>]*+)>", re.IGNORECASE)


def inserted(body: Part, parts: Sequence[Part]) -> str:
    """The HTML of a body with each sheet in the place of the <link> that means it. Others stay, and load nothing."""
    text = body.text()
    sheets = [part for part in parts if part.content_type == "text/css" and not part.is_within_text]
    if not sheets:
        return text
    root = mimepart.html_base(body, text)
    named: dict[str, Part] = {}
    for sheet in sheets:
        named[references.file(sheet.file_name)] = sheet
        named[references.resolve(f"cid:{sheet.content_id}") if sheet.content_id else ""] = sheet
        if sheet.location:
            named[references.resolve(sheet.location)] = named[references.resolve(sheet.location, root)] = sheet
    named.pop("", None)
    left = MAX_CHARACTERS

    def style(link: re.Match[str]) -> str:
        nonlocal left
        written = dict(htmltext.attributes(link[1]))
        means = references.find(named, written.get("href", ""), root)
        if means is None or "stylesheet" not in written.get("rel", "").lower().split() or len(means.payload) > left:
            return link[0]
        left -= len(means.payload)
        css = means.text().replace("</", "")  # nothing in it ends the element
        media = written.get("media", "").strip()
        return f"<style>@media {media}{{{css}}}</style>" if media else f"<style>{css}</style>"

    return _LINK.sub(style, text)
