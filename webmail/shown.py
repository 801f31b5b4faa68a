"""What templates print: what is shown disturbs nothing beside it, what a form sends back stays as it is.

A mailbox may have any sign in its name. The page leaves those out that turn the direction of reading round; in the
`value` of a field they stay, as the server finds the mailbox by its whole name. Addresses are percent-encoded anyway.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask
from jinja2 import pass_context
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.runtime import Context
from markupsafe import escape

from postbuch.archive import harmless
from postbuch.webmail.language import count, gettext

_ATTRIBUTE = re.compile(r'[\s-]value="[^"]*\Z')
# No HTML holds them (HTML standard, section 13.2.3.5): NUL would become another sign, half a character is none.
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
_FILTER = "sent_back"
# What `ngettext` is given: for one, for many, how many.
_OF_A_NUMBER = 3


def install(app: Flask) -> None:
    """For all templates of an application that has its language, without their doing."""
    app.jinja_env.finalize = text
    texts = app.jinja_env.globals
    texts.update({name: _with_harmless_values(texts[name]) for name in ("gettext", "ngettext")})
    app.jinja_env.add_extension(_SentBack)
    app.jinja_env.filters.update({_FILTER: sent_back, "subject": subject, "person": person})
    app.jinja_env.tests["blank"] = harmless.is_blank


def text(value: Any) -> Any:
    """What a page shows: subjects and names are as mail has them. HTML is made of what went through."""
    return harmless.text(value) if type(value) is str else value


def _with_harmless_values(translate: Any) -> Callable[..., str]:
    """The function of a template with what stands within a sentence as `text` gives what stands alone."""

    @pass_context
    def translated(context: Context, *texts: Any, **values: Any) -> Any:
        if len(texts) == _OF_A_NUMBER:
            values.setdefault("num", count(texts[-1]))
        return translate(context, *texts, **{name: text(value) for name, value in values.items()})

    return translated


def sent_back(value: Any) -> Any:
    """The value of a field, which nothing is taken from: as HTML, it passes by `text`."""
    return escape(_UNSENDABLE.sub("", value)) if type(value) is str else value


def subject(written: str | None) -> str:
    """What stands for a letter wherever it is named or linked to: its subject, if one can be seen."""
    return gettext("(no subject)") if not written or harmless.is_blank(written) else written


def person(written: str | None) -> str:
    """What stands for those who wrote a letter, or whom it went to."""
    return gettext("(nobody)") if not written or harmless.is_blank(written) else written


class _SentBack(Extension):
    """Puts the filter behind whatever stands in a `value="…"` or `data-value="…"` of a template."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        inside = False
        for token in stream:
            if token.type == "data":
                inside = bool(_ATTRIBUTE.search(token.value)) or (inside and '"' not in token.value)
            if inside and token.type == "variable_end":
                yield from (Token(token.lineno, kind, kind) for kind in ("rparen", "pipe"))
                yield Token(token.lineno, "name", _FILTER)
            yield token
            if inside and token.type == "variable_begin":
                yield Token(token.lineno, "lparen", "(")
