"""What hangs on the letters of the demo: vouchers, drawings, pictures, tables."""

import datetime
import zlib
from functools import cache

from provider import pdf, picture
from provider.letter import Attachment
from provider.people import FIRM, Person
from provider.voucher import Item, voucher

_GOODS = (
    Item(text="Formstempel HSS-E PM, TiAlN", count=60, price_cents=3840),
    Item(text="Schnittplatte 1.2379, gehärtet", count=4, price_cents=21950),
    Item(text="Führungssäule Ø 32 h4", count=16, price_cents=1875),
    Item(text="Nachschliff Stufenbohrer", count=50, price_cents=980),
    Item(text="Auswerferstift Ø 6 x 120", count=200, price_cents=215),
    Item(text="Erodierelektrode Kupfer", count=12, price_cents=4420),
)


def hanging(name: str, seed: int, day: datetime.date, sender: Person, receiver: Person) -> Attachment:
    """The thing of that name; the seed varies numbers and pictures."""
    if name.startswith("photo"):
        return Attachment(name=f"IMG_{4100 + seed % 800}.png", content_type="image/png", octets=_photo(seed % 6))
    if name == "inline-photo":
        octets = _photo(seed % 6)
        return Attachment(name="Gefüge.png", content_type="image/png", octets=octets, content_id=f"bild{seed}@firma")
    if name == "inline-diagram":
        octets = picture.diagram([82, 74, 91, 60, 55, 47, 40])
        return Attachment(name="Leasing.png", content_type="image/png", octets=octets, content_id=f"chart{seed}@firma")
    if name == "inventory":
        return Attachment(name="Inventurliste.csv", content_type="text/csv", octets=_table(seed).encode("cp1252"))
    if name in _VOUCHERS:
        return paper(name, seed, day, sender, receiver)
    title, file_name = _SHEETS[name]
    return Attachment(name=file_name.format(seed % 900 + 100), content_type="application/pdf", octets=_sheet(title))


_VOUCHERS = {
    "invoice": ("Rechnung", "Invoice"),
    "quotation": ("Angebot", "Quotation"),
    "purchase": ("Bestellung", "Purchase order"),
    "confirmation": ("Auftragsbestätigung", "Order confirmation"),
    "lieferschein": ("Lieferschein", "Delivery note"),
    "machine": ("Angebot", "Quotation"),
}

_SHEETS = {
    "drawing": ("Zeichnung NF-2207, Index D", "Zeichnung-{}.pdf"),
    "cv": ("Lebenslauf Nele Möller", "Lebenslauf Nele Möller.pdf"),
    "report": ("Inspection report, 5 samples", "Inspection report {}.pdf"),
    "hall-plan": ("Hallenplan 7, Stand B 14", "Hallenplan.pdf"),
    "contract": ("Rahmenvertrag Transport", "Rahmenvertrag-{}.pdf"),
}


def paper(name: str, seed: int, day: datetime.date, sender: Person, receiver: Person) -> Attachment:
    """A voucher from one firm to another."""
    english = sender.english or receiver.english
    title = _VOUCHERS[name][english]
    number = f"{day.year}-{1000 + seed % 9000}"
    if name == "machine":
        items = [Item(text="Bearbeitungszentrum MX-500", count=1, price_cents=31_900_000)]
    else:
        items = [_GOODS[(seed + step) % len(_GOODS)] for step in range(1 + seed % 3)]
    octets = voucher(
        title=title,
        number=number,
        day=day,
        sender=sender.firm or sender.name,
        receiver=receiver.firm or FIRM,
        items=items,
        english=english,
    )
    return Attachment(name=f"{title} {number}.pdf", content_type="application/pdf", octets=octets)


@cache
def _photo(seed: int) -> bytes:
    return picture.workpiece(seed)


@cache
def logo() -> Attachment:
    """The picture in newsletters and minutes."""
    return Attachment(name="logo.png", content_type="image/png", octets=picture.logo(), content_id="logo@firma")


def material_list(seed: int) -> Attachment:
    """A parts list as German Excel writes CSV: semicolons, Windows-1252."""
    return Attachment(name="Materialbedarf.csv", content_type="text/csv", octets=_table(seed).encode("cp1252"))


def _table(seed: int) -> str:
    lines = ["Artikel;Menge;Lagerort;Größe"]
    for number in range(12):
        count = zlib.crc32(f"{seed}-{number}".encode()) % 240
        lines.append(f"{_GOODS[(seed + number) % len(_GOODS)].text};{count};Regal {number + 1};Ø {6 + number} mm")
    return "\r\n".join(lines) + "\r\n"


@cache
def _sheet(title: str) -> bytes:
    items: list[pdf.Words | pdf.Line] = [pdf.Words(x=50, y=780, text=title, size=18, bold=True)]
    for row in range(9):
        items.append(pdf.Line(x=50, y=740 - row * 60, length=495))
        items.append(pdf.Words(x=55, y=725 - row * 60, text=f"Pos. {row + 1}   Maß {12.5 + row * 3.25:.2f} mm ±0,008"))
    return pdf.document(items, title)
