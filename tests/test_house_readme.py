"""What the README tells people to type exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [README, *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))]


def _commands() -> list[str]:
    """`postbuch …` lines: indented blocks and words in backticks."""
    found = set()
    for page in PAGES:
        for line in re.findall(r"(?:^    |`)(?:\.venv/bin/)?postbuch ([^`\n>]+)", page, re.MULTILINE):
            words = [word for word in line.split() if re.fullmatch(r"[a-z]+", word)]
            found.add(" ".join(words[:2]) if words[:1] in (["config"], ["account"], ["user"]) else words[0])
    return sorted(found)


def test_the_two_commands_are_there() -> None:
    """scripts/demo and scripts/test can be executed, and continuous integration calls the second."""
    for name in ("scripts/demo", "scripts/test", "scripts/setup", ".ci/run"):
        assert (ROOT / name).stat().st_mode & 0o111, name
        assert subprocess.run(["bash", "-n", ROOT / name], check=False).returncode == 0
    assert "scripts/test" in (ROOT / ".ci/run").read_text()
    assert "scripts/demo" in README
    assert "scripts/test" in README


@pytest.mark.parametrize("command", _commands())
def test_commands_of_the_readme_answer_help(command: str) -> None:
    """Each `postbuch …` in README and docs is a command that explains itself."""
    done = subprocess.run(
        [sys.executable, "-m", "postbuch.cli.main", *command.split(), "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "--help" in done.stdout


def test_commands_were_found() -> None:
    """The search above really reads the README."""
    assert {"up", "init", "doctor", "config example", "status", "search", "get", "show"} <= set(_commands())


def test_links_lead_somewhere() -> None:
    """Relative links of README and docs name files that exist."""
    for folder, page in [(ROOT, README), *((ROOT / "docs", page) for page in PAGES[1:])]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page):
            assert (folder / target).exists(), target
