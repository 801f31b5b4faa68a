"""ruff and mypy strict find nothing, tests included."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("words", [["ruff", "check", "."], ["mypy"]], ids=["ruff", "mypy"])
def test_nothing_is_found(words: list[str]) -> None:
    """The settings stand in pyproject.toml."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
