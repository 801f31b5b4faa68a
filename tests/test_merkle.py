"""The hash tree is that of RFC 6962: its published roots and proofs, and every proof of every small tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive import merkle

# The eight leaves and the roots of the reference implementation of Certificate Transparency.
LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


class Listed:
    """The nodes of leaves that are all in memory."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._hashes = [merkle.leaf_hash(leaf) for leaf in leaves]

    def node(self, height: int, index: int) -> bytes:
        part = self._hashes[index << height : (index + 1) << height]
        assert len(part) == 1 << height
        return merkle.combined(part)


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    """The roots of the trees of 1 to 8 published leaves, and that of no leaf."""
    assert merkle.root(Listed(LEAVES), size).hex() == ROOTS[size - 1]
    assert merkle.root(Listed([]), 0).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_published_proofs() -> None:
    """An inclusion and a consistency proof of the reference implementation, node for node."""
    assert [step.hex() for step in merkle.inclusion(Listed(LEAVES), 5, 8)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [step.hex() for step in merkle.consistency(Listed(LEAVES), 6, 8)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_proof_of_every_small_tree() -> None:
    """Each leaf of each tree up to 40 is proved, each old tree is proved to begin it, and no other place fits."""
    leaves = [bytes([number]) for number in range(40)]
    nodes = Listed(leaves)
    for size in range(1, 41):
        top = merkle.root(nodes, size)
        for index in range(size):
            path = merkle.inclusion(nodes, index, size)
            leaf = merkle.leaf_hash(leaves[index])
            assert merkle.root_from_inclusion(leaf, index, size, path) == top
            assert merkle.root_from_inclusion(leaf, (index + 1) % 41, size, path) != top or size == 1
            if path:
                assert merkle.root_from_inclusion(leaf, index, size, path[:-1]) != top
        for old in range(1, size + 1):
            proof = merkle.consistency(nodes, old, size)
            old_root = merkle.root(nodes, old)
            assert merkle.is_consistent(old, old_root, size, top, proof)
            assert not merkle.is_consistent(old, merkle.leaf_hash(b"x"), size, top, proof)
            if proof:
                assert not merkle.is_consistent(old, old_root, size, top, proof[:-1])


@given(st.lists(st.binary(max_size=8), max_size=300))
def test_reading_once_gives_the_same_tree(leaves: list[bytes]) -> None:
    """The frontier's root is the tree's at every size, and the nodes that it names are the tree's."""
    nodes, frontier = Listed(leaves), merkle.Frontier()
    for size, leaf in enumerate(leaves, 1):
        for height, index, found in frontier.append(merkle.leaf_hash(leaf)):
            assert nodes.node(height, index) == found
        assert len(frontier.peaks) == size.bit_count()
    assert frontier.size == len(leaves) and frontier.root() == merkle.root(nodes, len(leaves))
