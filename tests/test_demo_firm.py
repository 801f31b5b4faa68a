"""The demo firm's mail: the same every time, well formed, and as varied as real mail."""

import datetime
import email
import email.policy
import struct
import zlib
from collections import Counter

import pytest

from provider import firm, pdf, picture
from provider.firm import Delivery
from provider.people import EMPLOYEES

NOW = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def mail() -> list[Delivery]:
    return firm.mail(NOW)


def test_it_throws_no_dice(mail: list[Delivery]) -> None:
    """Same now, same octets; oldest first; nothing from the future."""
    assert [delivery.octets for delivery in firm.mail(NOW)] == [delivery.octets for delivery in mail]
    assert len(mail) > 300
    assert all(delivery.at <= NOW for delivery in mail)
    assert {delivery.owner.address for delivery in mail} == {each.address for each in EMPLOYEES.values()}


@pytest.mark.parametrize("days", [5, 6, 7])
def test_any_day_of_the_week_will_do(days: int) -> None:
    """Also on a Sunday no letter is from the future and each thread is in order."""
    now = NOW + datetime.timedelta(days=days)
    assert all(delivery.at <= now for delivery in firm.mail(now))


def test_every_message_is_well_formed(mail: list[Delivery]) -> None:
    """CRLF line ends only, no defect, every part decodes; all the usual encodings and types occur."""
    kinds: Counter[str] = Counter()
    for delivery in mail:
        assert delivery.octets.count(b"\n") == delivery.octets.count(b"\r\n") == delivery.octets.count(b"\r")
        message = email.message_from_bytes(delivery.octets, policy=email.policy.default)
        for part in message.walk():
            assert part.defects == []
            kinds[part.get_content_type()] += 1
            kinds[str(part.get("Content-Transfer-Encoding", "")).lower()] += 1
            if not part.is_multipart():
                part.get_content()
    for kind in (
        "text/plain", "text/html", "text/calendar", "text/csv", "image/png", "application/pdf", "multipart/related",
        "base64", "quoted-printable", "8bit",
    ):  # fmt: skip
        assert kinds[kind] > 3, kind


def test_sent_copies_and_what_arrived_are_different_images_of_one_letter(mail: list[Delivery]) -> None:
    """The sender's copy has no trace field; the receivers' has one."""
    sent = [delivery for delivery in mail if delivery.mailbox == firm.SENT]
    assert sent
    assert not any(delivery.octets.startswith(b"Received:") for delivery in sent)
    assert all(delivery.octets.startswith(b"Received:") for delivery in mail if delivery.mailbox == firm.INBOX)


def test_the_pdf_table_points_at_its_objects() -> None:
    """Viewers find each object by the cross-reference table (ISO 32000-1 section 7.5.4)."""
    octets = pdf.document([pdf.Words(x=50, y=700, text="Größe (50 €)")], "Titel")
    start = int(octets.split(b"startxref\n")[1].split(b"\n")[0])
    table = octets[start:].splitlines()
    assert table[0] == b"xref"
    for number, line in enumerate(table[3:10], start=1):
        assert octets[int(line.split()[0]) :].startswith(b"%d 0 obj" % number)


def test_the_png_is_whole() -> None:
    """Every chunk has its checksum, and the rows unpack to the size that the header names (RFC 2083)."""
    octets, place, rows = picture.logo(), 8, b""
    while place < len(octets):
        (length,) = struct.unpack_from(">I", octets, place)
        kind, body = octets[place + 4 : place + 8], octets[place + 8 : place + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack_from(">I", octets, place + 8 + length)[0]
        rows += body if kind == b"IDAT" else b""
        place += 12 + length
    assert len(zlib.decompress(rows)) == 96 * (1 + 3 * 96)
