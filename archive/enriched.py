"""What text/enriched (RFC 1896) and its forerunner text/richtext (RFC 1341) say, without commands. Pure, linear."""

import re

ENRICHED, RICHTEXT = "text/enriched", "text/richtext"
_COMMAND = re.compile(r"<(param|comment)>[^<]*+</\1>|<<|<(/?)([a-z0-9-]{1,60})>|\n+", re.IGNORECASE)
_LINE_ENDS = frozenset({"nl", "np", "paragraph"})


def words(source: str, is_richtext: bool) -> str:
    """The text. One line end is a blank, of several one is; in the older form all are, and commands end lines."""
    as_it_stands = 0

    def meant(found: re.Match[str]) -> str:
        nonlocal as_it_stands
        written, name = found[0], (found[3] or "").lower()
        if written.startswith("\n"):
            if as_it_stands > 0:
                return written
            return " " if is_richtext or len(written) == 1 else written[1:]
        if name == "nofill":
            as_it_stands += -1 if found[2] else 1
        elif is_richtext and name in _LINE_ENDS:
            return "\n"
        return "<" if written == "<<" or (is_richtext and name == "lt") else ""

    return _COMMAND.sub(meant, source)
