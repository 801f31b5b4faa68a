"""The wheel is whole: built, installed into an empty environment, every module imported, a page rendered."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Runs in the empty environment, from `/`, so that nothing of the working copy can help.
TRY = """
import importlib, pathlib, pkgutil, sys
import postbuch

def fail(name):
    raise SystemExit(f"cannot be imported: {name}")

names = [name for _, name, _ in pkgutil.walk_packages(postbuch.__path__, "postbuch.", onerror=fail)]
for name in names:
    if not name.endswith("migrations.env"):  # runs inside alembic only
        importlib.import_module(name)
origin = pathlib.Path(sys.modules["postbuch.archive.config"].__file__)
assert "site-packages" in origin.parts, origin
print(len(names))

from postbuch.archive.config import Config
from postbuch.webmail.app import create_app

app = create_app(Config(data_dir=sys.argv[1]))
for language, word in (("de", "Anmelden"), ("en", "Log in")):
    page = app.test_client().get("/login", headers={"Accept-Language": language})
    assert page.status_code == 200, page.status
    assert word in page.text, page.text
    assert "/static/" in page.text
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], check=True, capture_output=True, cwd="/"
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_has_what_it_needs_and_no_top_level_names(wheel: Path) -> None:
    """Only `postbuch/`; with templates, built assets and compiled translations; without tests and scripts."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"postbuch", next(top for top in tops if top.endswith(".dist-info"))}
    for end in (".html", ".js", ".css"):
        assert any(name.startswith("postbuch/webmail/") and name.endswith(end) for name in names), end
    for folder in ("archive", "cli", "webmail"):
        assert f"postbuch/{folder}/translations/de/LC_MESSAGES/messages.mo" in names
    sources = {str(path.relative_to(ROOT)) for package in ("archive", "certs", "cli", "proxy", "rules", "webmail")
               for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts}  # fmt: skip
    assert {f"postbuch/{name}" for name in sources} - set(names) == set()


@pytest.mark.timeout(600)
def test_the_installed_wheel_works_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    """An empty environment with nothing but the wheel and what it declares imports every module and renders a page."""
    # By the pip that is here: to get one of its own takes six seconds.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install: list[str | Path] = ["--python", python, "install", "--quiet", "--disable-pip-version-check", wheel]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, cwd="/")
    done = subprocess.run(
        [python, "-W", "error", "-c", TRY, tmp_path / "data"], capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[0]) > 40
    program = subprocess.run([tmp_path / "venv" / "bin" / "postbuch", "--help"], capture_output=True, text=True)
    assert program.returncode == 0
