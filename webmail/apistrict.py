"""How the interface for programs reads what it is sent: what is not as it is described is told, not passed over."""

import json
from typing import Any

from flask import Request
from marshmallow import RAISE, Schema, ValidationError, fields, missing
from webargs.flaskparser import FlaskParser

_TEXT = json.JSONEncoder(ensure_ascii=False)


class Strict(Schema):
    """An argument that there is not is told, not passed over."""

    class Meta:
        unknown = RAISE


class StrictParser(FlaskParser):
    """In an address as well; and what is said twice, or in a body that is no JSON, is not passed over either."""

    DEFAULT_UNKNOWN_BY_LOCATION: Any = {"query": RAISE, "json": RAISE}  # noqa: RUF012 - as webargs has it

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """The arguments of the address. Raises ValidationError."""
        twice = [name for name, values in req.args.lists() if len(values) > 1]
        if twice:
            raise ValidationError({name: ["Can be given once."] for name in twice})
        return super().load_querystring(req, schema)

    def _raw_load_json(self, req: Request) -> Any:
        if req.content_length and not req.is_json:
            raise ValidationError("Send JSON, with Content-Type: application/json.")
        try:
            found = super()._raw_load_json(req)
            _TEXT.encode(found if found is not missing else None).encode("utf-8")
        except RecursionError:
            raise ValidationError("Nested too deeply.") from None
        except UnicodeEncodeError:
            raise ValidationError("Half a surrogate pair is no character.") from None
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise
        except ValueError:  # of `int`: Python's limit
            raise ValidationError("A number has too many digits.") from None
        return found


class Flag(fields.Boolean):
    """true or false of a body, and not what is like them: who sends "off" or 0 may mean something else."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **named: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Number(fields.Integer):
    """A whole number of a body, where 5.7 is not 5 and true is not 1."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **named: Any) -> int:
        if isinstance(value, bool | str) or (isinstance(value, float) and not value.is_integer()):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **named)
