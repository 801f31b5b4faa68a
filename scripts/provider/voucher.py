"""Invoices, orders and order confirmations as PDF."""

import datetime
from dataclasses import dataclass

from provider import pdf


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a voucher. The price is in cents."""

    text: str
    count: int
    price_cents: int

    @property
    def sum_cents(self) -> int:
        return self.count * self.price_cents


def euros(cents: int, *, english: bool = False) -> str:
    """1.234,50 € or €1,234.50."""
    plain = f"{cents / 100:,.2f}"
    if english:
        return f"€{plain}"
    return plain.translate(str.maketrans(",.", ".,")) + " €"


def voucher(
    *, title: str, number: str, day: datetime.date, sender: str, receiver: str, items: list[Item], english: bool = False
) -> bytes:
    """One page: letterhead, receiver, lines with sums, tax, total."""
    total = sum(item.sum_cents for item in items)
    tax = round(total * 0.19)
    words: list[pdf.Words | pdf.Line] = [
        pdf.Words(x=50, y=780, text=sender, size=16, bold=True),
        pdf.Words(x=50, y=710, text=receiver, size=11),
        pdf.Words(x=50, y=650, text=f"{title} {number}", size=14, bold=True),
        pdf.Words(x=430, y=650, text=day.strftime("%d %b %Y" if english else "%d.%m.%Y")),
        pdf.Line(x=50, y=630, length=495),
    ]
    y = 610.0
    for position, item in enumerate(items, start=1):
        words += [
            pdf.Words(x=50, y=y, text=str(position)),
            pdf.Words(x=75, y=y, text=item.text),
            pdf.Words(x=370, y=y, text=f"{item.count} x {euros(item.price_cents, english=english)}"),
            pdf.Words(x=480, y=y, text=euros(item.sum_cents, english=english)),
        ]
        y -= 18
    words.append(pdf.Line(x=50, y=y, length=495))
    labels = ("Net", "VAT 19 %", "Total") if english else ("Netto", "USt. 19 %", "Gesamt")
    for label, cents in zip(labels, (total, tax, total + tax), strict=True):
        y -= 18
        words.append(pdf.Words(x=370, y=y, text=label, bold=label == labels[2]))
        words.append(pdf.Words(x=480, y=y, text=euros(cents, english=english), bold=label == labels[2]))
    closing = "Payable within 14 days without deduction." if english else "Zahlbar innerhalb von 14 Tagen ohne Abzug."
    words.append(pdf.Words(x=50, y=y - 50, text=closing))
    return pdf.document(words, f"{title} {number}")
