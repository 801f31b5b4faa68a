"""The line of the next page that says what was done and offers to undo it (`shell.html`)."""

from collections.abc import Mapping

from flask import flash


def offer(said: str, undo: Mapping[str, str] | None) -> None:
    """`undo`: `at` and `mark` of marks that were set, or `href`, where something else is undone; None: nothing is."""
    flash({"said": said, "undo": undo}, "undo")  # type: ignore[arg-type] # any JSON goes
