"""Which Python the project's .venv is made with (scripts/python)."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "python"


def _asked(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, "scripts/setup", "demo"], env={"PATH": os.environ["PATH"], **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def _fake(folder: Path, code: int) -> Path:
    path = folder / "python3"
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return path


def test_another_python_in_front_is_not_taken(tmp_path: Path) -> None:
    """An old one that stands first on the PATH, as those of conda and pyenv do, is passed over."""
    _fake(tmp_path, 1)
    done = _asked(PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() not in ("python3", str(tmp_path / "python3"))


def test_one_that_is_named_is_taken() -> None:
    """PYTHON names one, wherever it is."""
    done = _asked(PYTHON=sys.executable)
    assert (done.returncode, done.stdout.strip()) == (0, sys.executable)


def test_one_that_is_named_and_does_not_do_is_told(tmp_path: Path) -> None:
    """What was wished is not replaced by another in silence; the message says what to do."""
    for named in (str(_fake(tmp_path, 1)), str(tmp_path / "missing")):
        done = _asked(PYTHON=named)
        assert (done.returncode, done.stdout) == (3, "")
        assert named in done.stderr
        assert "python3-venv" in done.stderr
        assert "scripts/setup demo" in done.stderr
