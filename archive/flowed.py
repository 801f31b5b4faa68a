"""Text of format=flowed as its paragraphs (RFC 3676 section 4). Pure, linear."""


def paragraphs(text: str, deletes_space: bool) -> str:
    """The text with each paragraph in one line; quotes keep their depth, and a line that only looks like one gets a
    blank before it. `deletes_space` is DelSp=yes, by which Apple Mail breaks also Chinese and long addresses.
    """
    out: list[str] = []
    pieces: list[str] = []
    depth = 0

    def close() -> None:
        if pieces:
            whole = "".join(pieces)
            out.append(f"{'>' * depth} {whole}" if depth or whole.startswith(">") else whole)
            pieces.clear()

    for line in text.split("\n"):
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
