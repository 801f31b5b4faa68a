"""What is wrong with a link or a kept search, in the reader's language. The archive says it in English."""

import re

from postbuch.webmail.language import gettext


def explain(sentence: str) -> str:
    """The archive's sentence (archive/linktemplates.py, archive/savedsearches.py) for people."""
    if re.search(r"name of a .* has", sentence):
        return gettext("A name has 1 to 255 characters.")
    if "spaces, control characters" in sentence:
        return gettext("The address must hold no spaces and no backslashes.")
    found = re.search(r"no variable (#.*?#)", sentence)
    if found:
        return gettext("There is no variable %(name)s.", name=found[1])
    if "begins with" in sentence:
        return gettext("The address begins with http:, https:, tel: or sip:.")
    if "names its host" in sentence:
        return gettext("The address must name its server as it is, such as https://crm.example/….")
    if "already; remove one" in sentence:
        return gettext("There are too many already; remove one first.")
    if "there is already a link" in sentence:
        return gettext("There is a link of this name already.")
    return gettext("This is too long or empty.")
