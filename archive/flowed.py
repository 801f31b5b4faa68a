"""Text of format=flowed as its paragraphs (RFC 3676 section 4). Pure, linear."""

import re

# A line of several words that goes on in letters, with one blank between: where that is deleted two words are one.
_BLANK_BETWEEN = re.compile(r" [^ \n]*[a-z0-9,;] \n>* ?[a-z0-9]", re.IGNORECASE | re.ASCII)
_BLANK_KEPT = re.compile(r"  \n")


def paragraphs(text: str, deletes_space: bool) -> str:
    """The text with each paragraph in one line; quotes keep their depth, and a line that only looks like one gets a
    blank before it. `deletes_space` is DelSp=yes, by which Apple Mail breaks also Chinese and long addresses; who says
    so and never writes the second blank that his words need does not mean it.
    """
    deletes_space &= bool(_BLANK_KEPT.search(text) or not _BLANK_BETWEEN.search(text))
    out: list[str] = []
    pieces: list[str] = []
    depth = 0

    def close() -> None:
        if pieces:
            whole = "".join(pieces)
            out.append(f"{'>' * depth} {whole}" if depth or whole.startswith(">") else whole)
            pieces.clear()

    for line in text.split("\n"):
        if not pieces and not line.startswith((">", " ")) and line[-1:] != " ":  # as most are
            out.append(line)
            depth = 0
            continue
        content = line.lstrip(">")
        marks = len(line) - len(content)
        content = content.removeprefix(" ")
        is_separator = content == "-- "  # of a signature (section 4.3)
        flows = content.endswith(" ") and not is_separator
        if marks != depth or is_separator:
            close()
        depth = marks
        pieces.append(content[:-1] if flows and deletes_space else content)
        if not flows:
            close()
    close()
    return "\n".join(out)
