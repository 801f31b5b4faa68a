"""What the operating system says of a file, in German where German is read."""

import errno
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from postbuch.archive import config, said, systemwords
from postbuch.archive.errors import ConfigError
from postbuch.archive.reasons import Collecting
from postbuch.archive.said import Said
from postbuch.archive.systemwords import System
from postbuch.certs import authority, files, trust


def test_the_words_are_the_systems() -> None:
    """In English nobody reads anything else than other programs say, and no number is mixed up."""
    for each in System:
        error = OSError(getattr(errno, each.name), os.strerror(getattr(errno, each.name)))
        assert systemwords.cause(error) == each.said() == error.strerror


@pytest.mark.parametrize("error", [
    ssl.SSLError(errno.EPERM, "[SSL] PEM lib"), socket.gaierror(-2, "Name or service not known"),
    OSError(errno.EUCLEAN, os.strerror(errno.EUCLEAN)), OSError("words of a library"),
], ids=["ssl", "name", "seldom", "bare"])  # fmt: skip
def test_what_is_none_of_these_stays_as_it_is(error: OSError) -> None:
    """Other libraries have numbers of their own: theirs is not said to be a file's."""
    found = systemwords.cause(error)
    assert not isinstance(found, Said) and found == (error.strerror or str(error))


@pytest.mark.parametrize("ask", [
    lambda folder: config.load(folder),
    lambda folder: trust.client_context(folder / "none.pem"),
    lambda folder: authority.read_certificate(folder / "none.pem"),
    lambda folder: files.make_folder(folder / "file" / "keys", 0o700),
], ids=["configuration", "CA file", "certificate", "folder"])  # fmt: skip
def test_a_file_that_cannot_be_had_is_told_in_german(tmp_path: Path, ask: Callable[[Path], object]) -> None:
    """The whole sentence, its end as well."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError) as raised:
        ask(tmp_path)
    sentence = said.of(raised.value)
    assert isinstance(sentence, Said)
    cause = next(each for each in sentence.details.values() if isinstance(each, Said))
    assert sentence.endswith(cause) and said.told(sentence, "de").endswith(said.told(cause, "de"))
    assert cause not in said.told(sentence, "de")


def test_a_table_column_is_understood_with_them() -> None:
    """The collector keeps English; who reads it on a page has all of it in his language."""
    kept = str(Collecting.BROKE_OFF.said(host="mail.example", words=System.ECONNRESET.said(), doing="FETCH"))
    told = said.told(said.understood(kept, Collecting, System), "de")
    assert "Verbindung von der Gegenseite abgebrochen" in told and "peer" not in told


def test_the_command_line_says_it_in_german(tmp_path: Path) -> None:
    """Also in its own sentences, which are not the archive's."""
    done = subprocess.run(
        [sys.executable, "-m", "postbuch.cli.main", "config", "check", "--config", str(tmp_path)],
        capture_output=True, text=True, env={**os.environ, "LC_ALL": "de_DE.UTF-8"},
    )  # fmt: skip
    assert done.returncode == 2 and "ist ein Ordner" in done.stderr and "directory" not in done.stderr
