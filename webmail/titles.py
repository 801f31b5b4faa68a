"""Titles of columns and lists in a language that is chosen, also where no request is: for files that go out."""

import gettext
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).parent / "translations"


def titles(language: str) -> Callable[[str], str]:
    """English title → that of the language, by the catalogue of the pages."""
    return gettext.translation("messages", FOLDER, [language], fallback=True).gettext
