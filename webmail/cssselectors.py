"""The selectors of a style sheet in hostile mail, written anew: names, classes, ids and a few pseudo-classes. Pure."""

import re
from collections.abc import Sequence

from tinycss2.ast import Node

# Compounds in a selector ("table td a" has three): each descendant step may walk all ancestors.
MAX_COMPOUNDS = 6
MAX_SELECTORS_IN_RULE = 30
PLAIN_WORD = re.compile(r"-?[A-Za-z_][A-Za-z0-9_-]*\Z|--?[A-Za-z_][A-Za-z0-9_-]*\Z")
_PSEUDO = frozenset({"link", "visited", "hover", "active", "focus", "first-child", "last-child", "only-child"})


def selectors(prelude: Sequence[Node], id_prefix: str) -> str:
    """The selectors written anew; those that are not understood or too long are left out of the list."""
    groups: list[list[Node]] = [[]]
    for node in prelude:
        if node.type == "literal" and node.value == ",":
            groups.append([])
        else:
            groups[-1].append(node)
    if len(groups) > MAX_SELECTORS_IN_RULE:
        return ""
    written = [_selector(group, id_prefix) for group in groups]
    return ",".join(text for text in written if text)


def _selector(nodes: Sequence[Node], id_prefix: str) -> str:
    out: list[str] = []
    compounds = 1
    expected = ""  # "." wants a class name, ":" a pseudo-class
    for node in nodes:
        kind: str = node.type
        if kind == "whitespace" and not expected:
            if out and out[-1] not in (" ", ">", "+", "~"):
                out.append(" ")
                compounds += 1
        elif kind == "comment":
            continue
        elif kind == "ident":
            word: str = node.value
            if not PLAIN_WORD.match(word) or (expected == ":" and word.lower() not in _PSEUDO):
                return ""
            out.append(word)
            expected = ""
        elif kind == "hash" and not expected and PLAIN_WORD.match(node.value):
            out.append(f"#{id_prefix}{node.value}")
        elif kind == "literal" and not expected and node.value in (".", ":", "*", ">", "+", "~"):
            if node.value in (">", "+", "~"):
                if out and out[-1] == " ":
                    out.pop()
                else:
                    compounds += 1
            if node.value in (".", ":"):
                expected = node.value
            out.append(node.value)
        else:
            return ""
    text = "".join(out).strip()
    if expected or compounds > MAX_COMPOUNDS + 1 or text[-1:] in (">", "+", "~"):
        return ""
    return text
