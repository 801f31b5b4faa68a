"""The documentation of the configuration is what the program prints, and every key is explained."""

import subprocess
import sys
from pathlib import Path

from postbuch.archive import config as configuration
from postbuch.archive import configexample

ROOT = Path(__file__).resolve().parent.parent


def _example_in(page: str) -> str:
    return page.split("```toml\n", 1)[1].split("```", 1)[0]


def test_the_example_in_the_docs_is_the_printed_one() -> None:
    """docs/configuration.md shows exactly what `postbuch config example` prints."""
    printed = subprocess.run(
        [sys.executable, "-m", "postbuch.cli.main", "config", "example"], capture_output=True, text=True, check=True
    ).stdout
    assert _example_in((ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")) == printed


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    """What is printed can be used as it is."""
    file = tmp_path / "postbuch.toml"
    file.write_text(configexample.example(), encoding="utf-8")
    loaded = configuration.load(file)
    assert [upstream.name for upstream in loaded.upstream] == ["provider"]


def test_every_key_says_what_it_is_for() -> None:
    """Each key of each table carries a description, which stands beside it in the example."""
    models = (
        configuration.Database, configuration.Imap, configuration.Submission, configuration.Web, configuration.Upstream,
        configuration.Ledger, configuration.Verify, configuration.Dns, configuration.Ftps,
        configuration.Signing,
    )  # fmt: skip
    without = [f"{model.__name__}.{key}" for model in models for key, field in model.model_fields.items()
               if not field.description]  # fmt: skip
    assert without == []


def test_paths_count_from_the_file_whatever_the_current_folder_is(tmp_path: Path) -> None:
    """Every key that ends in `_file` is one of the files that the configuration names, made absolute."""
    upstream = {"name": "p", "domains": ["firma.example"], "imap": "imaps://p.example", "submission": "smtps://p.example"}
    raw = {
        "data_dir": "data",
        "ledger": {"checkpoint_dirs": ["worm"], "tsa_url": "http://tsa.example", "tsa_ca_file": "tsa.pem"},
        "upstream": [{**upstream, "ca_file": "ca.pem", "master_user": "m", "master_password_file": "secret/m"}],
        "signing": [{"domain": "firma.example", "selector": "s", "key_file": "/etc/dkim.pem"}],
    }
    config = configuration.parse(raw, tmp_path / "postbuch.toml")
    names = ("tsa.pem", "ca.pem", "secret/m", "/etc/dkim.pem")
    assert config.files == sorted(tmp_path / name for name in names)
    assert config.data == tmp_path / "data" and config.ledger.checkpoint_dirs == [str(tmp_path / "worm")]
    keys = {
        f"{section.__name__}.{key}"
        for section in (configuration.Ledger, configuration.Upstream, configuration.Signing)
        for key in section.model_fields if key.endswith("_file")
    }  # fmt: skip
    assert len(keys) == len(config.files)
