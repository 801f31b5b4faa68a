"""What pydantic finds wrong with the configuration, as one sentence that names the key. Pure."""

from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from postbuch.archive import said
from postbuch.archive.settingreasons import of_library
from postbuch.archive.wrong import Wrong


def sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """About the first fault; `model` is what the file was held to."""
    faults = error.errors()
    # A key that is unknown is often the one that is missing, with a letter too many.
    first = next((each for each in faults if each["type"] == "extra_forbidden"), faults[0])
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        meant = _meant(first["loc"], model)
        return Wrong.KEY_MEANT.said(key=key, other=meant) if meant else Wrong.KEY_UNKNOWN.said(key=key)
    if first["type"] == "missing":
        return Wrong.KEY_MISSING.said(key=key)
    limits = first.get("ctx", {})
    raised = limits.get("error")
    cause = (
        said.of(raised) if isinstance(raised, ValueError) else of_library(first["type"], first["input"], limits)
    ) or first["msg"]
    return Wrong.KEY_UNFIT.said(key=key, cause=cause) if key else cause


def _meant(place: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """The key of the same table that looks like the unknown one at `place`; empty when none does."""
    *tables, name = place
    for part in tables:
        if isinstance(part, str):  # a number counts the tables of one name
            kind: Any = model.model_fields[part].annotation
            model = next(iter(get_args(kind)), kind)
    near = get_close_matches(str(name), model.model_fields, n=1)
    return ".".join(map(str, [*tables, *near])) if near else ""
