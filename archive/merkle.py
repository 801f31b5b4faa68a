"""The hash tree of RFC 6962 section 2.1: leaves, roots, proofs. Pure; where the hashes come from is the caller's.

A tree is only ever seen through the hashes of its complete subtrees: `Nodes.node(height, index)` is the hash of the
2^height leaves from index * 2^height on. All of them must exist.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

HASH_OCTETS = 32
EMPTY = hashlib.sha256(b"").digest()


class Nodes(Protocol):
    """The complete subtrees of one tree."""

    def node(self, height: int, index: int) -> bytes:
        """The hash of the leaves [index << height, (index + 1) << height)."""
        ...


def leaf_hash(data: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def parent(left: bytes, right: bytes) -> bytes:
    """The hash of an interior node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def combined(hashes: Sequence[bytes]) -> bytes:
    """The root over neighbouring nodes of one height; their number is a power of two."""
    level = list(hashes)
    while len(level) > 1:
        level = [parent(level[place], level[place + 1]) for place in range(0, len(level), 2)]
    return level[0]


def _split(count: int) -> int:
    """The largest power of two below `count` (> 1): how many leaves stand on the left."""
    return 1 << ((count - 1).bit_length() - 1)


def root(nodes: Nodes, size: int, start: int = 0) -> bytes:
    """The root of `size` leaves from `start` on, which is a multiple of every power of two up to `size`."""
    if not size:
        return EMPTY
    if size & (size - 1) == 0:
        height = size.bit_length() - 1
        return nodes.node(height, start >> height)
    left = _split(size)
    return parent(root(nodes, left, start), root(nodes, size - left, start + left))


def inclusion(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, nearest first (section 2.1.1)."""
    path: list[bytes] = []
    start, count = 0, size
    while count > 1:
        left = _split(count)
        if index - start < left:
            path.append(root(nodes, count - left, start + left))
            count = left
        else:
            path.append(root(nodes, left, start))
            start, count = start + left, count - left
    return path[::-1]


def consistency(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """The proof that the first `old` leaves of the tree of `new` leaves are those they were (section 2.1.2)."""
    path: list[bytes] = []
    start, count, whole = 0, new, True
    while old != count:
        left = _split(count)
        if old <= left:
            path.append(root(nodes, count - left, start + left))
            count = left
        else:
            path.append(root(nodes, left, start))
            start, old, count, whole = start + left, old - left, count - left, False
    if not whole:
        path.append(root(nodes, count, start))
    return path[::-1]


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf's hash and its path lead to (RFC 9162 section 2.1.3.2); None when they fit no tree."""
    if not 0 <= index < size:
        return None
    place, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            found = parent(step, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = parent(found, step)
        place, last = place >> 1, last >> 1
    return found if last == 0 else None


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path proves that the old tree begins the new one (RFC 9162 section 2.1.4.2)."""
    if not 0 < old <= new:
        return old == 0 and not path
    if old == new:
        return not path and old_root == new_root
    steps = list(path)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = parent(step, first), parent(step, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = parent(second, step)
        place, last = place >> 1, last >> 1
    return first == old_root and second == new_root and last == 0


@dataclass(slots=True)
class Frontier:
    """A tree that is read once from the left: the roots of its complete subtrees, largest first. 64 hashes at most."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add one leaf's hash; (height, index, hash) of the complete subtrees that it ends."""
        made = []
        found, height, index = leaf, 0, self.size
        while index & 1:
            found = parent(self.peaks.pop(), found)
            height, index = height + 1, index >> 1
            made.append((height, index, found))
        self.peaks.append(found)
        self.size += 1
        return made

    def root(self) -> bytes:
        """The root of the leaves so far."""
        if not self.peaks:
            return EMPTY
        found = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            found = parent(peak, found)
        return found
