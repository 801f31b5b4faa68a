"""What a check of the archive found to be wrong, and how far it came."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

# What a report lists; the rest is counted. A person reads the first ten.
LISTED = 1000


class Kind(Enum):
    """What is wrong. The values are part of the output that scripts rely on."""

    ROW_CHANGED = "row-changed"
    ROW_REMOVED = "row-removed"
    ROW_INSERTED = "row-inserted"
    OCTETS_CHANGED = "octets-changed"
    OBJECT_MISSING = "object-missing"
    OBJECT_CHANGED = "object-changed"
    OBJECT_EXTRA = "object-extra"
    LEAF_REMOVED = "leaf-removed"
    LEAF_MISPLACED = "leaf-misplaced"
    LEAF_UNKNOWN = "leaf-unknown"
    NODE_CHANGED = "node-changed"
    ROOT_CHANGED = "root-changed"
    TAIL_CUT = "tail-cut"
    CHECKPOINT_CHANGED = "checkpoint-changed"
    CHECKPOINT_REMOVED = "checkpoint-removed"
    CHECKPOINT_UNSIGNED = "checkpoint-unsigned"
    KEY_UNKNOWN = "key-unknown"
    STAMP_WRONG = "stamp-wrong"
    UNSEALED = "unsealed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: what, where (`image 12`, `checkpoint 3`, a path), and a sentence."""

    kind: str
    where: str
    detail: str


@dataclass(slots=True)
class Findings:
    """Everything that is wrong, each once."""

    listed: list[Finding] = field(default_factory=list)
    count: int = 0

    def add(self, kind: Kind, where: str, detail: str) -> None:
        """Note one."""
        found = Finding(kind=kind.value, where=where, detail=detail)
        if found in self.listed[-LISTED:]:
            return
        self.count += 1
        if len(self.listed) < LISTED:
            self.listed.append(found)

    def as_json(self) -> list[dict[str, Any]]:
        """As `postbuch verify --json` lists them."""
        return [asdict(each) for each in self.listed]


# Called with (done, total) leaves now and then; gives False when the check shall stop.
Progress = Callable[[int, int], bool]
