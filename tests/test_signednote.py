"""Notes are signed and read as C2SP signed-note says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive import signednote
from postbuch.archive.signednote import NoteInvalid

# The example of golang.org/x/mod/sumdb/note, whose format C2SP took over.
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_the_published_note() -> None:
    """A note and a key that another program made are read and found good; changed they are not."""
    key, note = signednote.read_verifier(KEY), signednote.read_note(NOTE)
    assert str(key) == KEY and str(note) == NOTE
    assert key.signed(note)
    assert not key.signed(signednote.read_note(NOTE.replace("answer", "Answer")))


@given(st.text(alphabet=st.characters(exclude_categories=["C"]), min_size=1))
def test_what_is_signed_is_read(words: str) -> None:
    """Each of two keys finds its signature on the note, a third finds none."""
    one, two, three = (signednote.make_key("postbuch/x") for _ in range(3))
    note = signednote.read_note(str(signednote.sign(words + "\n", [one, two])))
    assert note.text == words + "\n"
    assert [key.verifier.signed(note) for key in (one, two, three)] == [True, True, False]
    assert signednote.read_verifier(str(one.verifier)) == one.verifier


@pytest.mark.parametrize("text", ["", "a\n", "a\n\n", "a\n\nx y\n", "a\n\n— n !!\n", "a\n\n— n YQ==", "a\n\n— n\n"])
def test_no_note(text: str) -> None:
    """What is no note is refused and not guessed at."""
    with pytest.raises(NoteInvalid):
        signednote.read_note(text)


@pytest.mark.parametrize("text", ["", "a+b+c", KEY[:-4], KEY.replace("c74f", "c74e"), KEY.replace("+AR", "+BR")])
def test_no_key(text: str) -> None:
    """A key whose number does not fit is refused."""
    with pytest.raises(NoteInvalid):
        signednote.read_verifier(text)
