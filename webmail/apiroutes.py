"""A group of addresses of the interface for programs: flask-smorest's, with types."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask_smorest import Blueprint

from postbuch.webmail.apiaccess import TAKES_QUERY
from postbuch.webmail.apistrict import StrictParser

F = TypeVar("F", bound=Callable[..., Any])


class Routes(Blueprint):  # type: ignore[misc] # flask-smorest ships no types
    """`arguments` that are not known are told."""

    ARGUMENTS_PARSER = StrictParser()

    def route(self, rule: str, *, operation: str, **options: Any) -> Callable[[F], F]:
        """`operation`: what programs that are made of the description call it; as stable as the address."""
        made: Callable[[F], F] = super().route(rule, **options)
        return lambda view: made(self.doc(operationId=operation)(view))

    def arguments(self, schema: Any, **options: Any) -> Callable[[F], F]:
        made: Callable[[F], F] = super().arguments(schema, **options)

        def take(view: F) -> F:
            taking = made(view)
            if options.get("location") == "query":
                setattr(taking, TAKES_QUERY, True)
            return taking

        return take

    def response(self, status: int, schema: Any = None, **options: Any) -> Callable[[F], F]:
        made: Callable[[F], F] = super().response(status, schema, **options)
        return made

    def doc(self, **options: Any) -> Callable[[F], F]:
        made: Callable[[F], F] = super().doc(**options)
        return made
