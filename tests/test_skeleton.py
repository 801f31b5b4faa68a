"""Invariant 1: cutting attachments out and putting them back gives the octets, for every message."""

import base64
import hashlib
import os
from collections.abc import Callable

import pytest
import zstandard
from growing import times_as_long
from hypothesis import given, settings
from hypothesis import strategies as st
from little_memory import little_memory

from postbuch.archive import skeleton
from provider.corpus import corpus_files


def back(octets: bytes) -> list[bytes]:
    """Split, rebuild, compare; gives the objects."""
    made, objects = skeleton.split(octets)
    hasty = skeleton.split(octets, hasty=True)
    assert hasty == (made, objects) or not skeleton.verify(*hasty, hashlib.sha256(octets).digest())
    known = {hashlib.sha256(item).digest(): item for item in objects}
    assert skeleton.rebuild(made, known.__getitem__) == octets
    assert skeleton.digests(made) == [hashlib.sha256(item).digest() for item in objects]
    assert skeleton.verify(made, objects, hashlib.sha256(octets).digest())
    return objects


def lines(payload: bytes, length: int, end: bytes) -> bytes:
    encoded = base64.b64encode(payload)
    return end.join(encoded[n : n + length] for n in range(0, len(encoded), length)) if length else encoded


def mail(run: bytes, end: bytes, name: bytes = b'; name="a.pdf"', tail: bytes | None = None) -> bytes:
    head = [
        b"Subject: x", b"Content-Type: multipart/mixed; boundary=b", b"", b"--b",
        b"Content-Type: application/pdf" + name, b"Content-Transfer-Encoding: BASE64", b"",
    ]
    return end.join(head) + end + run + (end + b"--b--" + end if tail is None else tail)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("length", [76, 72, 60, 75, 4, 0])
@pytest.mark.parametrize("size", [1, 2, 3, 57, 58, 5000])
def test_named_part_is_cut_out_at_any_size_and_layout(end: bytes, length: int, size: int) -> None:
    """Every canonical layout of lines comes back, and the object is the decoded file."""
    payload = os.urandom(size)
    assert back(mail(lines(payload, length, end), end)) == [payload]


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n", b"\r\n\r\n\r\n--b--", b"\n--b--\nepilogue base64 "])
def test_the_end_of_the_run_is_kept_as_it_was(tail: bytes) -> None:
    """With, without and with many final line ends."""
    payload = os.urandom(500)
    assert back(mail(lines(payload, 76, b"\r\n"), b"\r\n", tail=tail)) == [payload]


def test_nameless_part_is_cut_out_only_when_large() -> None:
    """A logo without a name stays in the row; a large one becomes an object."""
    assert back(mail(lines(bytes(1000), 76, b"\r\n"), b"\r\n", name=b"")) == []
    assert back(mail(lines(bytes(100_000), 76, b"\r\n"), b"\r\n", name=b"")) == [bytes(100_000)]


@pytest.mark.parametrize(
    "run",
    [
        b"QUJD\r\nQUJDREVG\r\nQUI=",  # lines of different length
        b"QUJD\nQUJD\r\nQUJD",  # line ends mixed
        b"QUJDREVG\r\nQUJ",  # padding is missing
        b"QUJD REVG\r\nQUJD",  # a space
        b"QUJDREVG \r\nQUJDREVG ",  # spaces at the ends
        b"QUI=\r\nQUI=",  # two strings
        b"QUJDREVH==",  # too much padding
        b"QUJDREVGR1==",  # bits that no encoder sets
        b"!!!!",
        b"",
    ],
)
def test_other_layouts_stay_inline(run: bytes) -> None:
    """A run that does not come back octet for octet is left where it is."""
    assert back(mail(run, b"\r\n")) == []


def test_many_parts_in_one_message() -> None:
    """Several objects in order, one of them twice."""
    first, second = os.urandom(300), os.urandom(70_000)
    part = b"--b\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename*0*=x\r\n\r\n"
    octets = b"X: y\r\n\r\n" + b"".join(
        part + lines(item, 76, b"\r\n") + b"\r\n" for item in (first, second, first)
    )
    assert back(octets + b"--b--\r\n") == [first, second, first]


@settings(max_examples=300)
@given(st.binary(max_size=3000))
def test_any_octets(octets: bytes) -> None:
    """Anything at all comes back, also what is no message."""
    back(octets)


PIECES = st.sampled_from([
    b"Content-Transfer-Encoding: base64", b"content-transfer-encoding:base64", b"name=x", b"\r\n", b"\n", b"\r",
    b"\r\n\r\n", b"\n\n", b"--b", b"QUJD", b"QUJDREVG", b"QUI=", b"base64", b"=", b" ", b"\x00", b"\xff",
    base64.b64encode(bytes(60)),
])


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=40))
def test_any_arrangement_of_what_matters(pieces: list[bytes]) -> None:
    """The tokens that steer the cutting, in every order."""
    back(b"".join(pieces))


@settings(max_examples=50)
@given(place=st.integers(0, 400), change=st.integers(1, 255))
def test_damaged_skeleton_is_noticed(place: int, change: int) -> None:
    """A flipped bit gives an error or other octets that the digest refuses; nothing else is raised."""
    octets = mail(lines(os.urandom(500), 76, b"\r\n"), b"\r\n")
    made, objects = skeleton.split(octets)
    broken = bytearray(made)
    broken[place % len(broken)] ^= change
    changed = bytes(broken)
    digest = hashlib.sha256(octets).digest()
    if skeleton.verify(changed, objects, digest):
        known = dict(zip(skeleton.digests(changed), objects, strict=True))
        assert skeleton.rebuild(changed, known.__getitem__) == octets


def test_damaged_hole_is_noticed() -> None:
    """Each octet of the list of holes changed in each bit: refused as damaged, or the digest refuses it."""
    octets = mail(lines(bytes(500), 76, b"\r\n"), b"\r\n")
    made, objects = skeleton.split(octets)
    body, digest = zstandard.decompress(made[4:]), hashlib.sha256(octets).digest()
    for place in range(12 + 53):
        for bit in range(8):
            broken = bytearray(body)
            broken[place] ^= 1 << bit
            assert not skeleton.verify(skeleton.MAGIC + zstandard.compress(bytes(broken)), objects, digest)


def test_object_of_another_length_is_refused() -> None:
    """The skeleton knows how long its objects are."""
    made, _ = skeleton.split(mail(lines(b"12345", 76, b"\n"), b"\n"))
    with pytest.raises(skeleton.SkeletonDamaged):
        skeleton.rebuild(made, lambda digest: b"1234")
    with pytest.raises(skeleton.SkeletonDamaged):
        skeleton.rebuild(b"PBK1nonsense", lambda digest: b"")
    with pytest.raises(skeleton.SkeletonDamaged):
        skeleton.rebuild(b"nonsense", lambda digest: b"")


@pytest.mark.parametrize("bit", range(1, 64))
def test_a_length_that_cannot_be_is_damage(bit: int) -> None:
    """A frame that says it has up to 2^63 octets more: damage, and no memory is asked for that nobody has."""
    made = zstandard.ZstdCompressor(write_content_size=True).compress(b"x" * 100_000)
    flags, rest = made[4] & 0x3F | 0xC0, made[9:]  # eight octets for the length instead of four
    octets = (100_000 ^ 1 << bit).to_bytes(8, "little")
    with pytest.raises(skeleton.SkeletonDamaged):
        skeleton.rebuild(skeleton.MAGIC + made[:4] + bytes([flags]) + octets + rest, lambda digest: b"")


def test_a_lack_of_memory_is_no_damage() -> None:
    """Whoever has too little memory for a message learns nothing about it, and it is not called damaged."""
    made = skeleton.whole(bytes(400_000_000))
    with little_memory(100_000_000), pytest.raises(MemoryError):
        skeleton.rebuild(made, lambda digest: b"")


def test_every_corpus_message() -> None:
    """All of the corpus comes back; the attachments in it are found."""
    objects = sum(len(back(path.read_bytes())) for path in corpus_files())
    assert objects > 200


LINE = b"Content-Transfer-Encoding: base64\n"


@pytest.mark.parametrize("shape", [
    lambda count: LINE * count, lambda count: b"base64" * 100 * count,
    lambda count: LINE * count + b"\n" + b"YWFh\nYWFhYWFh\n" * 50 * count,
])
def test_what_looks_like_a_header_is_looked_at_once(shape: Callable[[int], bytes]) -> None:
    """Each line that says base64 had the octets around it looked through: 100 MB of such lines took five minutes."""
    assert skeleton.split(shape(100))[1] == []
    assert times_as_long(lambda count: skeleton.split(shape(count)), 450) < 10


def test_the_line_of_a_header_may_stand_there_again() -> None:
    """The file behind it is cut out all the same, also where the first of them is too far away to be of its header."""
    file = b"Content-Disposition: attachment; filename=a\n" + LINE + b"\n" + base64.encodebytes(b"abc" * 500)
    for before in (LINE, LINE * 3, LINE + b"a\n" * 40_000 + b"--b\n", b"base64\n\n--b\n"):
        assert skeleton.split(before + file)[1] == [b"abc" * 500]
