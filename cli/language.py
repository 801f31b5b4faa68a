"""The language of what the command line says: German or English, by the locale, like every other Unix program.

The words stand in `translations/<language>/LC_MESSAGES/messages.po`; a test fails when one is missing.
"""

import gettext
import os
from collections.abc import Mapping
from pathlib import Path

from postbuch.archive import said

FOLDER = Path(__file__).parent / "translations"
LANGUAGES = ("en", "de")


def choose(environment: Mapping[str, str]) -> str:
    """`de` or `en` by LC_ALL, LC_MESSAGES, LANG (POSIX.1 section 8.2); LANGUAGE goes first when a locale is set."""
    locale = next((environment[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(key)), "C")
    if locale.partition(".")[0] in ("C", "POSIX"):
        return "en"
    for wanted in [*environment.get("LANGUAGE", "").split(":"), locale]:
        if wanted[:2] in LANGUAGES:
            return wanted[:2]
    return "en"


LANGUAGE = choose(os.environ)
_TRANSLATION = gettext.translation("messages", FOLDER, [LANGUAGE], fallback=True)

def tell(sentence: str) -> str:
    """What a process or an error of ours says, in the language of the locale."""
    return said.told(sentence, LANGUAGE)


translate = _TRANSLATION.gettext
translate_plural = _TRANSLATION.ngettext
