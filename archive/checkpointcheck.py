"""The check of the checkpoints: signatures, keys and stamps, and the copies in the folders against the database.

What the tree must have been at each size is gathered here (`roots`) and compared by who reads the tree.
"""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, select

from postbuch.archive import checkpoints, ledgerkey, said, timestamp
from postbuch.archive.checkpoints import Checkpoint
from postbuch.archive.config import Config
from postbuch.archive.errors import PostbuchError
from postbuch.archive.findings import Detail, Findings, Kind
from postbuch.archive.ledgertree import tree_size
from postbuch.archive.schema_ledger import checkpoint, checkpoint_stamp
from postbuch.archive.sealer import locked
from postbuch.archive.signednote import NoteInvalid, VerifierKey

Roots = dict[int, list[tuple[str, bytes]]]


class CheckpointCheck:
    """Reads every checkpoint there is. `size` is that of the tree now."""

    def __init__(self, config: Config, conn: Connection, size: int, findings: Findings) -> None:
        self._config = config
        self._conn = conn
        self._size = size
        self._findings = findings
        self._notes: dict[int, str] = {}
        self._keys: list[VerifierKey] = []
        self.roots: Roots = {}
        self.required: set[int] = set()  # sizes that were asked about by name
        self.files = 0

    def run(self, external: Sequence[Path] = ()) -> None:
        """All checks; `external` are files that somebody kept elsewhere."""
        self._read_keys()
        self._rows()
        self._stamps()
        for folder in checkpoints.folders(self._config):
            self._folder(folder)
        for path in external:
            try:
                read = self._note(str(path), path.read_text(encoding="utf-8"))
                self.required |= set() if read is None else {read.size}
            except (OSError, UnicodeDecodeError) as error:
                self._findings.add(Kind.CHECKPOINT_CHANGED, str(path), Detail.COPY_UNREADABLE.said(words=error))

    def _read_keys(self) -> None:
        try:
            self._keys = ledgerkey.public_keys(self._conn)
        except NoteInvalid as error:
            self._findings.add(Kind.KEY_UNKNOWN, "ledger_key", Detail.KEY_NONE.said(words=error))
        try:
            ours = ledgerkey.current(self._config.data / "keys")
        except PostbuchError as error:
            self._findings.add(Kind.KEY_UNKNOWN, "ledger_key", said.of(error))
            return
        if self._keys and (ours is None or ours.verifier != self._keys[-1]):
            self._findings.add(Kind.KEY_UNKNOWN, "ledger_key", Detail.KEY_NOT_OURS.said())

    # --- the database ---------------------------------------------------------------------------------------------

    def _rows(self) -> None:
        """Each row says what its note says, in order; keys follow each other as they were introduced."""
        introduced, last = 1, 0
        for row in self._conn.execute(select(checkpoint).order_by(checkpoint.c.id)):
            where = f"checkpoint {row.id}"
            self._notes[row.id] = row.note
            read = self._note(where, row.note)
            if read is None:
                continue
            if (read.size, read.root, read.at) != (row.size, row.root, row.at.replace(microsecond=0)):
                self._findings.add(Kind.CHECKPOINT_CHANGED, where, Detail.NOTE_OTHER.said())
            if read.size < last:
                self._findings.add(Kind.CHECKPOINT_CHANGED, where, Detail.NOTE_SHORTER.said())
            last = read.size
            if read.next_key:
                introduced += 1
                known = len(self._keys) >= introduced and str(self._keys[introduced - 1]) == read.next_key
                if not known or not self._keys[introduced - 1].signed(read.note):
                    self._findings.add(Kind.KEY_UNKNOWN, where, Detail.KEY_NOT_NEXT.said())
                if not self._signers(read, introduced - 1):
                    self._findings.add(Kind.KEY_UNKNOWN, where, Detail.KEY_NOT_INTRODUCED.said())
            elif self._signers(read, introduced) != [introduced - 1]:
                self._findings.add(Kind.CHECKPOINT_UNSIGNED, where, Detail.NOTE_WRONG_KEY.said())
        if self._notes and len(self._keys) != introduced:
            self._findings.add(Kind.KEY_UNKNOWN, "ledger_key", Detail.KEY_TOO_MANY.said())

    def _signers(self, read: Checkpoint, count: int) -> list[int]:
        """Which of the first `count` keys have signed it."""
        return [place for place, key in enumerate(self._keys[:count]) if key.signed(read.note)]

    def _note(self, where: str, text: str) -> Checkpoint | None:
        """The checkpoint, after what can be said of it alone; its root is noted for who reads the tree."""
        try:
            read = checkpoints.read(text)
        except NoteInvalid as error:
            self._findings.add(Kind.CHECKPOINT_CHANGED, where, Detail.NOTE_NONE.said(words=error))
            return None
        if self._keys and read.origin != self._keys[0].name:
            self._findings.add(Kind.CHECKPOINT_UNSIGNED, where, Detail.NOTE_OF_ANOTHER.said())
            return None
        if not self._signers(read, len(self._keys)):
            self._findings.add(Kind.CHECKPOINT_UNSIGNED, where, Detail.NOTE_UNSIGNED.said())
        if read.size > self._size:
            self._size = tree_size(self._conn)  # it may have been signed since
        if read.size > self._size:
            self._findings.add(
                Kind.TAIL_CUT, where, Detail.SIGNED_MORE.said(signed=read.size, size=self._size)
            )
        else:
            known = self.roots.setdefault(read.size, [])
            if (where, read.root) not in known:
                known.append((where, read.root))
        return read

    def _stamps(self) -> None:
        settings = self._config.ledger
        ca_file = Path(settings.tsa_ca_file) if settings.tsa_url else None
        for row in self._conn.execute(select(checkpoint_stamp).order_by(checkpoint_stamp.c.id)):
            where = f"checkpoint_stamp {row.id}"
            text = (self._note_of(row.checkpoint_id) or "").encode()
            try:
                at = timestamp.imprinted(row.response, text)
                if ca_file is not None and row.authority == settings.tsa_url[:255]:
                    timestamp.verify(row.response, text, ca_file)
            except timestamp.StampInvalid as error:
                self._findings.add(Kind.STAMP_WRONG, where, said.of(error))
                continue
            if at != row.stamped_at:
                self._findings.add(Kind.STAMP_WRONG, where, Detail.STAMP_OTHER_TIME.said())

    def _note_of(self, number: int) -> str | None:
        """The note of a checkpoint, also of one that was made since the rows were read."""
        known = self._notes.get(number)
        return known or self._conn.scalar(select(checkpoint.c.note).where(checkpoint.c.id == number))

    # --- the copies -----------------------------------------------------------------------------------------------

    def _folder(self, folder: Path) -> None:
        """Every copy against its row: same text, no copy whose row is gone, none missing before others."""
        paths = sorted(folder.glob(checkpoints.PATTERN))
        there = {checkpoints.number_of(path) for path in paths}
        # They are written in order, so that an unreachable folder lacks the latest alone.
        for number in sorted(number for number in self._notes if number < max(there, default=0)):
            if number not in there:
                where = str(folder / checkpoints.file_name(number))
                self._findings.add(Kind.CHECKPOINT_REMOVED, where, Detail.COPY_GONE.said())
        for path in paths:
            number = checkpoints.number_of(path)
            note = self._note_of(number)
            try:
                text = path.read_text(encoding="utf-8")
                if note is not None and note != text and note.startswith(text):
                    with locked(self._conn):  # who writes it at this moment has the lock till it is whole
                        text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                self._findings.add(Kind.CHECKPOINT_CHANGED, str(path), Detail.COPY_UNREADABLE.said(words=error))
                continue
            self.files += 1
            if note == text:
                continue
            if note is None:
                detail = Detail.COPY_WITHOUT_ROW.said(number=number)
                self._findings.add(Kind.CHECKPOINT_REMOVED, str(path), detail)
            elif note.startswith(text):
                self._findings.add(Kind.CHECKPOINT_CHANGED, str(path), Detail.COPY_CUT.said())
                continue
            else:
                self._findings.add(Kind.CHECKPOINT_CHANGED, str(path), Detail.COPY_OTHER.said(number=number))
            self._note(str(path), text)
