"""The collection of difficult messages that the tests and the benchmarks are run on; it lies beside the repository."""

import os
from pathlib import Path

ENVIRONMENT_VARIABLE = "POSTBUCH_CORPUS"


def corpus_folder() -> Path:
    """`POSTBUCH_CORPUS`, else `../shared/corpus` seen from the repository. Raises FileNotFoundError."""
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    folder = Path(given) if given else Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: the corpus is not there; set {ENVIRONMENT_VARIABLE} to its folder")
    return folder


def corpus_files() -> list[Path]:
    """Every message of the corpus, in the order of the names."""
    return sorted(path for path in corpus_folder().rglob("*") if path.is_file() and path.name != "MANIFEST.tsv")
