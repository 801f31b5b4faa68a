"""What the command line prints. The home of rich: results on standard output, words for people on standard error."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from postbuch.archive import harmless, systemwords
from postbuch.archive.errors import UsageError
from postbuch.cli.language import tell
from postbuch.cli.language import translate as _

_Item = TypeVar("_Item")
# More columns than any row of ours has.
_WIDEST = 10_000

# rich takes a pipe for 80 columns and would cut longer rows.
_results = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDEST)
_messages = Console(stderr=True, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def _standard_output() -> Iterator[None]:
    """Raises UsageError when it takes nothing more, as on a full disk. Who closes a pipe has what he wanted."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # Else the interpreter tries once more at its end, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UsageError(
            _("standard output cannot be written: {cause}").format(cause=tell(systemwords.cause(error)))
        ) from None


@_standard_output()
def print_json(document: Any) -> None:
    """One JSON document on standard output. Octets and times were made into text by whoever made the document."""
    sys.stdout.write(harmless.json(json.dumps(document, ensure_ascii=False, indent=2, default=str)) + "\n")
    sys.stdout.flush()


@_standard_output()
def print_json_line(document: Any) -> None:
    """One item of a running result: one line each, so that a reader needs not wait for the end."""
    sys.stdout.write(harmless.json(json.dumps(document, ensure_ascii=False, default=str)) + "\n")
    sys.stdout.flush()


@_standard_output()
def print_line(text: str) -> None:
    """A line of the result, without markup."""
    _results.print(harmless.text(text), markup=False)


def print_fact(label: str, value: object) -> None:
    """A line of the result that says what its value is."""
    print_line(f"{label}: {value}")


@_standard_output()
def print_octets(octets: bytes) -> None:
    """Octets as they are."""
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()


def say(text: str) -> None:
    """A sentence for people, on standard error."""
    _messages.print(harmless.text(text), markup=False)


def say_problem(text: str) -> None:
    """The sentence that tells why the command did not do its work, on standard error."""
    _messages.print(f"[bold red]postbuch:[/] {_escaped(text)}")


def _escaped(text: str) -> str:
    return escape(harmless.text(text))


def yes_or_no(value: object) -> str:
    """For a cell of a table."""
    return _("yes") if value else _("no")


@_standard_output()
def print_mark(good: bool, label: str, sentence: str) -> None:
    """One line of a check-up: a mark, what was looked at, what was found."""
    mark = "[green]ok     [/]" if good else "[bold red]problem[/]"
    _results.print(f"{mark}  {_escaped(label)}" + (f": {_escaped(sentence)}" if sentence else ""))


@_standard_output()
def print_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under titles on standard output. Piped elsewhere it is as wide as its longest row, so nothing is cut."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold" if _results.is_terminal else "ignore", no_wrap=not _results.is_terminal)
    for row in rows:
        table.add_row(*(_escaped("" if cell is None else str(cell)) for cell in row))
    _results.print(table)


def _bars(*behind: TextColumn, shown: bool) -> Progress:
    """Without a terminal there is nothing to move: the library would leave an empty line."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(
        *columns, *behind, console=_messages, transient=True, disable=not (shown and _messages.is_interactive)
    )


@contextlib.contextmanager
def counter(label: str, *, shown: bool) -> Iterator[Callable[[int, int], bool]]:
    """A bar with an estimate, moved by calling what is given with (done, total)."""
    with _bars(shown=shown) as bar:
        task = bar.add_task(label, total=None)

        def advance(done: int, total: int) -> bool:
            bar.update(task, completed=done, total=total)
            return True

        yield advance


def progress(items: Iterable[_Item], label: str, total: int | None, *, shown: bool) -> Iterator[_Item]:
    """The items one by one with a bar on standard error. `total` is None while it is not known."""
    with _bars(shown=shown) as bar:
        task = bar.add_task(label, total=total)
        for item in items:
            yield item
            bar.advance(task)


class Bars:
    """A bar with an estimate for each of several things at once, on standard error; nothing when not `shown`."""

    def __init__(self, *, shown: bool) -> None:
        self._progress = _bars(TextColumn("{task.fields[words]}", markup=False), shown=shown)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def show(self, name: str, done: int, total: int | None, words: str) -> None:
        """Where the thing called `name` is now. `total` is None while it is not known."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(harmless.text(name), total=total, words="")
        self._progress.update(self._tasks[name], completed=done, total=total, words=harmless.text(words))
