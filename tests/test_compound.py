"""What compound files cost that somebody made to cost more than they hold."""

import struct
import tracemalloc
from array import array

from compound_files import compound

from postbuch.archive.compound import Compound
from postbuch.archive.extract_bounds import Budget
from postbuch.archive.extract_ppt import read_ppt


class Counted(Compound):
    """Counts the sectors that the table of sectors is looked for in."""

    seen = 0

    def _sector(self, number: int) -> memoryview:
        self.seen += 1
        return super()._sector(number)


class Table(array):  # type: ignore[type-arg]
    """Counts the steps along a chain."""

    steps = 0

    def __getitem__(self, number: int) -> int:  # type: ignore[override]
        self.steps += 1
        return int(super().__getitem__(number))


def test_storages_in_storages_cost_what_their_names_do() -> None:
    """Not each the names of all around it: two thousand would be 64 MB."""
    octets = compound({"/".join(["Ein Name von dreissig Zeichen.."] * 2000) + "/innen": b"x"})
    tracemalloc.start()
    try:
        file = Compound(octets)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
    assert file.stream("/".join(["ein name von dreissig zeichen.."] * 2000) + "/innen") == b"x"


def test_a_list_of_sectors_that_loops_and_names_none_ends_in_its_time() -> None:
    """Each of its entries is looked at once for each sector of the file at most."""
    octets = bytearray(compound({"x": bytes(1_000_000)}))
    octets[68:72] = struct.pack("<I", 0)
    octets[76:512] = b"\xff" * 436
    octets[512:1024] = b"\xfe\xff\xff\x00" * 127 + bytes(4)
    file = Counted(bytes(octets))
    assert file.seen < 2 * len(octets) // 512


def test_a_chain_behind_the_end_of_the_file_ends() -> None:
    """It gives nothing, however long it is, so that nothing would count it."""
    table = Table("I", [1, *[1] * 100_000])
    assert Compound._pieces(memoryview(b"x" * 64), 0, 10_000_000, table, 64, 0) == b"x" * 64
    assert table.steps < 3


def test_a_list_of_objects_is_read_where_it_stands() -> None:
    """A list as long as the file takes no memory of its own for each number in it."""
    record = struct.pack("<HHI100000I", 0, 0x1772, 400_000, *range(100_000))
    records = record + struct.pack("<HHI8xII12x", 0, 0x0FF5, 28, 0, 0) + struct.pack("<HHI", 0xF, 0x03E8, 0)
    user = struct.pack("<8xIII", 20, 0xE391C05F, len(record)) + bytes(8)
    octets = compound({"Current User": user, "PowerPoint Document": records})
    tracemalloc.start()
    try:
        read_ppt(octets, Budget(packed_octets=len(octets), end=1e9))
        assert tracemalloc.get_traced_memory()[1] < 5 * len(octets)
    finally:
        tracemalloc.stop()
