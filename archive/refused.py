"""What goes on record of a message in the spool that cannot be stored. Pure."""

import hashlib
from pathlib import Path

from postbuch.archive import audit
from postbuch.archive.record import EVENT, Record


def refusal(path: Path, place: int, record: Record | None, reason: str) -> Record:
    """A refusal event; its capture follows from file and place, so that a replay adds none."""
    known = {} if record is None else record.facts
    capture = hashlib.sha256(f"{path.name} {place}".encode()).digest()[:16]
    facts = {
        "kind": "event", "event": "refusal", "spooled": True, "capture": capture.hex(),
        "source": known.get("source", ""), "account": known.get("account", ""),
        "reason": f"{reason} ({path.name})"[:500], "at": audit.now().isoformat() + "+00:00",
        "size_octets": 0 if record is None else record.size_octets,
    }
    return Record(kind=EVENT, facts=facts, octets=None, size_octets=0)
