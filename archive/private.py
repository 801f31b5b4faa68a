"""Files with secrets: readable for us alone from their first octet, durable, replaced as a whole."""

import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

from postbuch.archive.spoolfolder import sync_folder


def write(path: Path, facts: Any, *, fresh: bool = False) -> None:
    """The facts as JSON. `fresh`: only if there is no such file yet; else whatever was there goes. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Two processes may write at the same moment.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(facts, stream, indent=1, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        if fresh:
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
