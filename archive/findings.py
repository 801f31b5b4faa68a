"""What a check of the archive found to be wrong, and how far it came."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from postbuch.archive.said import Named

# What a report lists; the rest is counted. A person reads the first ten.
LISTED = 1000
# Of each kind so many in any case: what is found last is not to be lost behind a thousand rows. There are 96 triggers;
# 24 kinds make 5,600 findings at the most, which is 2 MB.
LISTED_OF_EACH = 200


class Kind(Enum):
    """What is wrong. The values are part of the output that scripts rely on."""

    ROW_CHANGED = "row-changed"
    ROW_REMOVED = "row-removed"
    ROW_INSERTED = "row-inserted"
    OCTETS_CHANGED = "octets-changed"
    OBJECT_MISSING = "object-missing"
    OBJECT_CHANGED = "object-changed"
    OBJECT_EXTRA = "object-extra"
    NAME_MISSING = "name-missing"
    NAME_CHANGED = "name-changed"
    NAME_EXTRA = "name-extra"
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
    RIGHT_TOO_MANY = "right-too-many"
    GUARD_GONE = "guard-gone"


class Detail(Named):
    """The sentence of a finding. In reports they stand in English; `said.understood` takes them apart again."""

    ROW_GONE = "the row is gone"
    ROW_EMPTIED = "{column} is empty, which the table does not allow: it was changed. Nothing else could be checked"
    ROW_OTHER = "what stands there now is not what was sealed ({tables}), or its leaf was changed"
    ROWS_GONE_BEFORE = (
        "it names {rows} rows ({kind} {keys}) and has {leaves} leaves: rows were gone before they were sealed, or "
        "leaves were added or moved"
    )
    ROW_NOT_ENTERED = "the row was never entered in the ledger, or its leaf is gone"
    ROW_OF_NOTHING = "it belongs to a row of {kind} that is not there"
    MESSAGE_NOT_BACK = "the message does not come back: {words}"
    MESSAGE_OTHER = "the message does not have its SHA-256"
    OBJECT_UNREADABLE = "object {number} cannot be read: {words}"
    OBJECT_OTHER = "object {number} does not have its SHA-256"
    FILE_STRAY = "the file does not belong into the folder of the attachments"
    FILE_UNUSED = "no message has this attachment"
    NAME_GONE = "the attachment {sha256} of letter {letter} has lost its readable name"
    NAME_OTHER = "it is not the attachment {sha256} of letter {letter}, whose readable name it has"
    NAME_STRAY = "no letter has an attachment of this name here"
    NAMES_UNREADABLE = "the readable names cannot be looked at: {words}"
    TRIGGER_GONE = "the trigger that refuses changes is gone or another; the next start makes it again"
    LEAF_GONE = "the leaf is gone"
    LEAF_GONE_FIRST = "the leaf is gone, so no later checkpoint can be checked"
    LEAF_OF_NOTHING = "it stands for '{kind}', which no table is called"
    LEAF_ELSEWHERE = "{kind} {key} has its leaf where it was not written: leaves were moved or added"
    HASHES_GONE = "hashes of level {level} from {first} on are missing; check everything"
    NODE_OTHER = (
        "the stored hash of these leaves (level {level}, {place}) is not theirs: one of them was changed, or their "
        "order, or the hash"
    )
    NODE_OF_NOTHING = "there is a hash of leaves that there are not"
    SIGNED_OTHER = "the first {size} leaves are not those that were signed"
    CHECKED_OTHER = "the first {size} leaves are not those that were checked before"
    SIGNED_MORE = "it was signed over {signed} leaves and there are {size}: the end is gone"
    CHECKED_MORE = "{checked} leaves were checked before and there are {size}"
    NOTE_NONE = "it cannot be read: {words}"
    NOTE_OTHER = "the row says something else than its signed note"
    NOTE_SHORTER = "the tree was larger at the checkpoint before"
    NOTE_OF_ANOTHER = "it is the checkpoint of another archive"
    NOTE_UNSIGNED = "it has no good signature of a key of this archive"
    NOTE_WRONG_KEY = "it is not signed by the key of its time"
    COPY_UNREADABLE = "the file cannot be read: {words}"
    COPY_CUT = "the file ends too early: it was cut, or a crash broke its writing off on a medium that keeps it so"
    COPY_WITHOUT_ROW = "the database has no checkpoint {number} any more"
    COPY_OTHER = "the checkpoint {number} of the database is another one"
    COPY_GONE = "the folder has later checkpoints and not this one"
    KEY_NONE = "a public key cannot be read: {words}"
    KEY_NOT_OURS = "the newest key of the database is not the one in keys/"
    KEY_NOT_NEXT = "it introduces a key that is not the next one"
    KEY_NOT_INTRODUCED = "the new key was not introduced by the old one"
    KEY_TOO_MANY = "there is a key that no checkpoint introduced, or none"
    STAMP_OTHER_TIME = "the row names another time than the stamp"
    TREE_STUCK = "the tree takes no more leaves: {words}"


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
    _of_each: Counter[Kind] = field(default_factory=Counter)

    def add(self, kind: Kind, where: str, detail: str) -> None:
        """Note one."""
        # A file may have a name that is no text, and reports are.
        found = Finding(kind=kind.value, where=where.encode("utf-8", "replace").decode(), detail=detail)
        if found in self.listed[-LISTED:]:
            return
        self.count += 1
        self._of_each[kind] += 1
        if len(self.listed) < LISTED or self._of_each[kind] <= LISTED_OF_EACH:
            self.listed.append(found)

    def as_json(self) -> list[dict[str, Any]]:
        """As `postbuch verify --json` lists them."""
        return [asdict(each) for each in self.listed]


# Called with (done, total) leaves now and then; gives False when the check shall stop.
Progress = Callable[[int, int], bool]
