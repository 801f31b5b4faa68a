"""The addresses of a header field and the names beside them (RFC 5322 section 3.4, and what programs make of it).

Pure, and linear for every input. An address is what stands in the field as such: what is quoted, encoded or a comment
is a name, whatever it looks like, so that nobody is shown as the sender whom the sender only names.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from postbuch.archive import lotusnotes
from postbuch.archive.encodedwords import ENCODED_WORD, decode_words

# What never goes back (`*+`, `++`, `(?>…)`) keeps each of them linear. A `[` belongs to a word; behind `@` up to its
# `]`, with the colons of IPv6.
_QUOTED = r'"(?>(?:[^"\\]|\\.)*)"'
_TOKEN = re.compile(
    rf"(?P<space>\s++)|(?P<quoted>{_QUOTED})|<(?P<angle>\s*+(?>(?:{_QUOTED})?)[^<>\"]*+)>|(?P<encoded>{ENCODED_WORD})"
    r"|<(?P<open>[^\s<>\",;:()]++)(?=\s*+(?:[,;]|\Z))"
    r"|(?P<mark>[,;:])|(?P<atom>(?>(?:[^\s\",;:<>()=@]++|=(?!\?)|@(?>(?:\[[\w.:-]{1,100}+\])?))+)|=)|(?P<stray>.)",
    re.DOTALL,
)
_PARENTHESIS = re.compile(rf"\\.|{ENCODED_WORD}|[()]", re.DOTALL)
_PAIR = re.compile(r"\\(.)", re.DOTALL)
# Quotes that say nothing: "anna"@firma.example is anna@firma.example.
_NEEDLESS = re.compile(r'^"([^\s"(),:;<>@\[\]\\.]++(?>(?:\.[^\s"(),:;<>@\[\]\\.]++)*))"(?=@)')
# A way to go (RFC 5322 section 4.4) or a scheme: @relay.example:anna@firma.example, mailto:anna@firma.example.
_LEAD = re.compile(r'[^"\[]*:')
# Müller, Dr. Anna, Firma: nobody has more commas in a name.
MAX_NAMES = 3
# The two shapes that nearly every address has, up to the next one.
_SIMPLE = re.compile(
    r'(?:(?:"(?P<quoted>[^"\\]*+)" ?|(?P<plain>[^",;:<>()\\]*+))<(?!=\?)(?P<angle>[^<>\s,;:"()@]++@[^<>\s,;:"()@]++)>'
    r"|(?P<bare>[^\s,;:<>()\"'=\\@]++@[^\s,;:<>()\"'=\\@]++))(?:\s*+,\s*+|\Z)"
)
# anna@firma.example:25, as the logs of servers have it.
_PORT = re.compile(r"(@[^\s\"(),:;<>@]++):[0-9]{1,5}+(?=\s*+(?:[,;>(]|\Z))")
# RFC 733 had `at` for @, and archives of mailing lists write so; without brackets only before a domain with a point.
_AT = re.compile(
    r"\s*+([^\s()\[\]\0@]++)(?:\s++at\s++|\s*+[(\[]at[)\]]\s*+)([^\s()\[\]\0@]++)\s*+", re.IGNORECASE
)
# Blanks around @: only before a domain with a point, for `Chef @ Firma` is a name.
_APART = re.compile(r"(?<![^\s\0])([^\s\0@]++)\s*+@\s*+(?=[^\s\0@]+\.\w)([^\s\0@]++)")
_SHAPES = {"atom": "", "space": "", "comment": " "}
_ALONE = re.compile(r"[^\s,;:<>()\"'=\\@]++@[^\s,;:<>()\"'=\\@]++")


def read(line: str, most: int, at_first: bool = False) -> list[tuple[str, str]]:
    """(name, address in lower case) of an unfolded field, groups flattened, at most about `most`.

    Entries without an address are left out; before a comma in front of `<` they are the begin of its name, which
    needed quotes: Müller, Anna <anna@firma.example>. Between two addresses the comma may be missing.
    `at_first`: with the addresses that the first Postbuch found, one between two commas.
    """
    if (simple := _simple(line, most, at_first)) is not None:
        return simple
    if not at_first:
        line = _PORT.sub(r"\1", line)
        if '"' not in line and "(" not in line:  # so nothing but what stands in the field as such
            line = lotusnotes.in_quotes(line)
    found: list[tuple[str, str]] = []
    entry = _Entry(at_first)
    names: list[str] = []
    for kind, source in _tokens(line):
        if kind == "open":  # a bracket that nothing closes
            kind = "atom" if at_first else "angle"
            entry.local = ""
        if kind != "mark":
            if kind == "angle" and "@" in entry.address and not at_first:
                following = entry.cut()
                found += entry.read(names)
                entry, names = following, []
            entry.add(kind, source)
        elif source == ":":  # what went before was the name of a group
            entry, names = _Entry(at_first), []
        else:
            read = entry.read(names)
            found += read
            names = [] if read or source == ";" else [*names, entry.name][-MAX_NAMES:]
            entry = _Entry(at_first)
            if len(found) >= most:
                return found
    return found + entry.read(names)


def _simple(line: str, most: int, at_first: bool) -> list[tuple[str, str]] | None:
    """The same where each of them has one of the two shapes."""
    found: list[tuple[str, str]] = []
    place = 0
    while (each := _SIMPLE.match(line, place)) is not None:
        quoted, plain, angle, bare = each.groups()
        found.append((_bare_name(decode_words(quoted or plain or "")), _tidy(angle or bare, at_first)))
        place = each.end()
        if place == len(line) or len(found) >= most:
            return found
    return None


class _Entry:
    """What stands between two commas."""

    def __init__(self, at_first: bool) -> None:
        self.at_first = at_first
        self.tokens: list[tuple[str, str]] = []
        self.phrase: list[str] = []
        self.comment = ""
        self.address = ""  # the one in angle brackets
        self.behind = 0  # how much of the phrase stands before these
        self.bare: list[tuple[str, str]] = []  # (its name, address) of those without; before `<` they are a name
        self.beside: list[str] = []  # the phrase without these
        self.local = ""  # a quoted one, when it ends here

    def add(self, kind: str, source: str) -> None:
        local, self.local = self.local, ""
        if kind == "comment":
            self.comment = _PAIR.sub(r"\1", source[1:-1])
            self._say(" ")
            if self.bare:
                self.bare[-1] = (self.comment, self.bare[-1][1])
        elif kind == "angle":
            self.address = _angle_address(source, self.at_first) or self.address
            if "@" in self.address:
                self.bare, self.behind = [], len(self.phrase)
        elif kind == "quoted":
            self.local = source
            self._say(_PAIR.sub(r"\1", source[1:-1]))
        else:
            self._say(source)
            if kind == "atom" and (address := _address_within(local, source)):
                notes = self._notes_words(source)
                self.bare.append(lotusnotes.person("".join(notes) + source) if notes else ("", address))
                del self.beside[-2 if local and source.startswith("@") else -1 - len(notes) :]
        self.tokens.append((kind, source))

    def _say(self, source: str) -> None:
        self.phrase.append(source)
        self.beside.append(source)

    def _notes_words(self, source: str) -> list[str]:
        """What of the words before this address is the begin of it, as Lotus Notes writes: Anna Weber/Firma@DOMAIN.

        All where the domain is none of the Internet; else from a word on that only Notes or X.400 has.
        """
        local, _, domain = source.partition("@")
        if self.at_first:
            return []
        words = [*takewhile(_is_word, reversed(self.tokens))][::-1]
        start = 0
        if "/" not in local or ("." in domain and "%" not in local):
            begin = lotusnotes.START if "/" in local else lotusnotes.COMMON_NAME_START
            starts = (n for n, (kind, word) in enumerate(words) if kind == "atom" and begin.match(word))
            start = next(starts, len(words))
        found = [word for _, word in words[start:]]
        return found if "".join(found).strip() and any("/" in word for word in (*found, local)) else []

    def _apart(self) -> list[tuple[str, str]]:
        """(name, address) of those with blanks or comments around their @: for an entry that has no other."""
        shape = "".join(_SHAPES.get(kind, "\0") or source for kind, source in self.tokens)
        if (at := _AT.fullmatch(shape)) is not None and "." in at[2][1:-1]:
            return [(self.comment, f"{at[1]}@{at[2]}")]
        apart = [*_APART.finditer(shape)]
        alone = self.comment or self.name.replace(apart[0][0], "", 1).strip() if len(apart) == 1 else ""
        return [(alone, f"{each[1]}@{each[2]}") for each in apart]

    def cut(self) -> "_Entry":
        """The next entry, before whose `<` no comma stands: what this one has behind its own is the name of that."""
        following = _Entry(self.at_first)
        following.phrase, self.phrase, self.bare = self.phrase[self.behind :], self.phrase[: self.behind], []
        return following

    @property
    def name(self) -> str:
        return "".join(self.phrase).strip()

    def read(self, before: Sequence[str]) -> list[tuple[str, str]]:
        """(name, address) of those that it has; the name begins with what stands before in entries that have none."""
        found = self.bare
        if self.at_first:
            cut = ("@".join(address.split("@")[:2]) for _, address in found)
            found = [("", address) for address in cut if not address.endswith("@")][:1]
        is_bracketed = "@" in self.address or bool(self.address and not found)
        if self.at_first:
            found = [("", self.address)] if is_bracketed else found
        elif is_bracketed:
            name = "".join(self.phrase[: self.behind] if self.bare else self.phrase).strip()
            name = ", ".join(filter(None, (*before, name))) if name else ""
            first, *others = _addresses_within(self.address)
            found = [(name or self.comment, first), *(("", other) for other in others), *self.bare]
        elif len(self.bare) == 1:
            found = [(self.comment or "".join(self.beside).strip() or self.bare[0][0], self.bare[0][1])]
        elif not found:
            found = self._apart()
        tidy = ((name, _tidy(address, self.at_first)) for name, address in found)
        return [(_bare_name(decode_words(name)), address) for name, address in tidy if address]


def _address_within(local: str, atom: str) -> str:
    """The address in a word, or in a quoted local part and the word that follows it without a space."""
    before, at, domain = atom.partition("@")
    before = before or local
    return f"{before}@{domain}" if at and before and domain.strip("@") else ""


def _addresses_within(bracketed: str) -> list[str]:
    """Those in one pair of brackets: forms on web pages write <anna@firma.example, berta@firma.example>."""
    several = [] if '"' in bracketed else [each for each in re.split("[,;]", bracketed) if each]
    return several if len(several) > 1 and all("@" in each for each in several) else [bracketed]


def _is_word(token: tuple[str, str]) -> bool:
    """Whether it may stand in a name of Lotus Notes."""
    kind, source = token
    return kind in ("space", "encoded") or (kind == "atom" and "@" not in source)


def _angle_address(inner: str, at_first: bool) -> str:
    if not at_first and (at := _AT.fullmatch(inner)) is not None:
        return f"{at[1]}@{at[2]}"
    if not at_first and "=?" in inner and _ALONE.fullmatch(said := decode_words(inner.strip())) is not None:
        return said
    kept = "".join(source for kind, source in _tokens(inner) if kind not in ("space", "comment"))
    if not at_first and "/" in inner and lotusnotes.PERSON.fullmatch(inner):
        return lotusnotes.person(inner)[1]
    lead = _LEAD.match(kept)
    return kept if lead is None else kept[lead.end() :]


def _tidy(address: str, at_first: bool = False) -> str:
    """In lower case, without needless quotes and what stands around it by mistake."""
    address = address.lower().strip(".,'")
    if address[:1] == '"':
        address = _NEEDLESS.sub(r"\1", address)
    if address[-1:] == "]" and not at_first:
        if address[:1] == "[":
            address = address[1:-1]
        elif "[" not in address:  # Anna [SMTP:anna@firma.example]
            address = address[:-1]
    return address[1:-1].strip() if len(address) > 1 and address[0] == address[-1] == '"' else address


def _bare_name(name: str) -> str:
    """Without quotes around it. An apostrophe at one end alone is of the name ('t Hart)."""
    name = _unquoted(name)
    return _unquoted(name.strip(" '")) if name[:1] == name[-1:] == "'" else name


def _unquoted(name: str) -> str:
    """Without the quotes at its ends, unless one of them belongs to another within: GmbH "Sonne"."""
    inside = name.strip(' "')
    return name.strip() if inside.count('"') % 2 else inside


def _tokens(line: str) -> Iterator[tuple[str, str]]:
    """The parts of a field as (kind, source). A quote or a parenthesis that nothing closes is space."""
    place = 0
    while (match := _TOKEN.match(line, place)) is not None:
        kind = match.lastgroup or ""
        source, place = match[kind], match.end()
        if source == "(" and (end := _comment_end(line, match.start())):
            yield "comment", line[match.start() : end]
            place = end
        elif kind != "stray":
            yield kind, source
        else:
            yield "space", " "
            if source in '"(':  # its end was looked for through the whole field; for those behind it no more
                line = line[:place] + line[place:].replace(source, " ")


def _comment_end(line: str, start: int) -> int:
    """Behind the parenthesis that closes the one at `start`; 0 without one. They nest."""
    depth = 0
    for match in _PARENTHESIS.finditer(line, start):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth == 0 and match[0] == ")":
            return match.end()
    return 0
