"""What comes every day and every week in the demo firm: orders, invoices, newsletters, minutes, invitations."""

import datetime
from collections.abc import Iterator

from provider import paper
from provider.letter import ZONE, Letter
from provider.people import EMPLOYEES, person

# Twelve weeks: long enough for paging, short enough that the demo starts quickly.
DAYS = 84

_ALL = ("anna", "juergen", "lena", "mehmet", "sofia")


def routine(now: datetime.datetime) -> Iterator[Letter]:
    """Everything that repeats, oldest first."""
    for ago in range(DAYS, -1, -1):
        day = (now - datetime.timedelta(days=ago)).astimezone(ZONE)
        for letter in _of_day(day, day.toordinal()):
            if letter.at <= now:
                yield letter


def _of_day(day: datetime.datetime, number: int) -> Iterator[Letter]:
    if day.weekday() < 5:
        yield _backup(day, number)
        yield from _shipments(day, number)
        yield from _orders(day, number)
        yield from _invoices(day, number)
    if day.weekday() == 0:
        yield _minutes(day, number)
    if day.weekday() == 1:
        yield from _material(day, number)
    if day.weekday() == 2:
        yield _newsletter(day, number)
    if day.weekday() == 3 and number // 7 % 2:
        yield _chamber(day)
    if day.weekday() == 4 and number // 7 % 3 == 0:
        yield _invitation(day, number)
    if number % 17 == 0:
        yield _rubbish(day, number)


def _at(day: datetime.datetime, hour: int, minute: int) -> datetime.datetime:
    return day.replace(hour=hour, minute=minute, second=minute * 7 % 60, microsecond=0)


def _backup(day: datetime.datetime, number: int) -> Letter:
    size = 180 + number % 40
    warning = number % 11 == 0
    text = (
        f"Backup job 'fileserver-nightly' finished at {day:%Y-%m-%d} 02:{number % 60:02}.\n\n"
        f"  Files examined:  {412_000 + number % 9000}\n  Files saved:     {900 + number % 500}\n"
        f"  Volume:          {size} GB\n  Result:          {'WARNING: 3 files were locked' if warning else 'OK'}\n\n"
        "This is an automatic message."
    )
    return Letter(
        sender=person("backup"),
        to=(EMPLOYEES["mehmet"],),
        text=text,
        at=_at(day, 3, number % 60),
        subject=f"[backup] fileserver-nightly {'WARNING' if warning else 'OK'} {day:%Y-%m-%d}",
        headers={"Auto-Submitted": "auto-generated", "Precedence": "bulk"},
    )


def _shipments(day: datetime.datetime, number: int) -> Iterator[Letter]:
    if number % 3:
        return
    track = f"RO{number % 100000:05}DE"
    yield Letter(
        sender=person("roth"),
        to=(EMPLOYEES["juergen"],),
        at=_at(day, 13, number % 60),
        subject=f"Ihre Sendung {track} wird heute zugestellt",
        text=(
            f"Guten Tag,\n\nIhre Sendung {track} (1 Palette, {90 + number % 300} kg) befindet sich in der Zustellung. "
            "Voraussichtliche Ankunft zwischen 14 und 16 Uhr an der Rampe 2.\n\nIhre Spedition Roth"
        ),
    )


def _orders(day: datetime.datetime, number: int) -> Iterator[Letter]:
    customers = {1: "oezdemir", 4: "lindqvist", 8: "dubois", 11: "oezdemir", 13: "hartley"}
    key = customers.get(number % 15)
    if key is None:
        return
    customer, lena = person(key), EMPLOYEES["lena"]
    order_number = f"{45000 + number % 5000}"
    english = customer.english
    order = Letter(
        sender=customer,
        to=(lena,),
        at=_at(day, 9, number % 50),
        subject=f"Purchase order {order_number}" if english else f"Bestellung {order_number}",
        text=(
            "Dear Lena,\n\nplease find our purchase order attached. Kindly confirm price and delivery date."
            "\n\nBest regards"
            if english
            else "Sehr geehrte Frau Weiß,\n\nanbei unsere Bestellung. Bitte bestätigen Sie Preis und Liefertermin.\n\n"
            "Mit freundlichen Grüßen"
        ),
        attachments=(paper.paper("purchase", number, day.date(), customer, lena),),
    )
    yield order
    yield Letter(
        sender=lena,
        to=(customer,),
        cc=(EMPLOYEES["juergen"],),
        at=_at(day, 15, number % 45),
        subject=f"Re: {order.subject}" if english else f"AW: {order.subject}",
        text=(
            "Thank you for your order. Our confirmation is attached; delivery in week "
            f"{(day + datetime.timedelta(days=30)).isocalendar().week}.\n\nBest regards"
            if english
            else "Guten Tag,\n\nvielen Dank für Ihre Bestellung. Die Auftragsbestätigung finden Sie im Anhang; "
            "Lieferung in "
            f"KW {(day + datetime.timedelta(days=30)).isocalendar().week}.\n\nFreundliche Grüße"
        ),
        attachments=(paper.paper("confirmation", number, day.date(), lena, customer),),
        answers=(order,),
    )


def _invoices(day: datetime.datetime, number: int) -> Iterator[Letter]:
    rhythm = (("weber", 9), ("roth", 14), ("buero", 20), ("strom", 28), ("muehlbauer", 35))
    for key, days in rhythm:
        if number % days != 2:
            continue
        sender, sofia = person(key), EMPLOYEES["sofia"]
        voucher = paper.paper("invoice", number * 7 + days, day.date(), sender, sofia)
        yield Letter(
            sender=sender,
            to=(sofia,),
            at=_at(day, 6 + days % 5, number % 60),
            subject=voucher.name.removesuffix(".pdf"),
            text=(
                "Sehr geehrte Damen und Herren,\n\nanbei erhalten Sie unsere Rechnung als PDF. "
                "Bitte überweisen Sie den Betrag innerhalb von 14 Tagen.\n\nMit freundlichen Grüßen"
            ),
            attachments=(voucher,),
        )


def _minutes(day: datetime.datetime, number: int) -> Letter:
    anna = EMPLOYEES["anna"]
    points = ("Auftragslage", "Krankenstand", "Härterei", "Messe", "Investitionen", "Ausbildung", "Arbeitssicherheit")
    chosen = [points[(number // 7 + step) % len(points)] for step in range(4)]
    rows = "".join(
        f"<tr><td>{place}</td><td><b>{topic}</b></td><td>{EMPLOYEES[_ALL[(number + place) % 5]].first_name}</td></tr>"
        for place, topic in enumerate(chosen, start=1)
    )
    page = (
        '<html><body style="font-family: Segoe UI, sans-serif; color: #222">'
        f'<img src="cid:{paper.logo().content_id}" width="48" height="48" alt="Logo">'
        f"<h2>Protokoll Montagsrunde KW {day.isocalendar().week}</h2>"
        '<table border="1" cellpadding="6" style="border-collapse: collapse">'
        f'<tr style="background-color: #184e8c; color: #fff"><th>Nr.</th><th>Thema</th><th>Wer</th></tr>{rows}</table>'
        "<p>Nächste Runde: Montag, 8:30 Uhr, Besprechungsraum <i>Fräse</i>.</p></body></html>"
    )
    return Letter(
        sender=anna,
        to=tuple(EMPLOYEES[key] for key in _ALL if key != "anna"),
        at=_at(day, 10, 45),
        subject=f"Protokoll Montagsrunde KW {day.isocalendar().week}",
        text="Protokoll der Montagsrunde:\n\n" + "\n".join(f"- {topic}" for topic in chosen),
        html=page,
        attachments=(paper.logo(),),
    )


def _material(day: datetime.datetime, number: int) -> Iterator[Letter]:
    mehmet, juergen = EMPLOYEES["mehmet"], EMPLOYEES["juergen"]
    week = day.isocalendar().week
    asked = Letter(
        sender=mehmet,
        to=(juergen,),
        at=_at(day, 8, 20),
        subject=f"Materialbedarf KW {week + 1}",
        text="Hallo Jürgen,\n\nanbei der Bedarf für nächste Woche. Rundstahl ist knapp!\n\nGruß, Mehmet",
        attachments=(paper.material_list(number),),
    )
    yield asked
    yield Letter(
        sender=juergen,
        to=(mehmet,),
        at=_at(day, 11, 5),
        subject=f"AW: Materialbedarf KW {week + 1}",
        answers=(asked,),
        text="Ist bestellt, kommt Donnerstag. Die Führungssäulen erst am Montag.\n\nJürgen",
    )


def _newsletter(day: datetime.datetime, number: int) -> Letter:
    titles = (
        "Additive meets subtractive: hybrid tooling",
        "Cooling channels that think",
        "Five myths about HSS",
        "How to read a wear pattern",
        "Spindle care in dusty shops",
        "What carbide prices tell us",
    )
    picked = [titles[(number // 7 + step) % len(titles)] for step in range(3)]
    cards = "".join(
        '<tr><td style="padding: 12px; border-bottom: 1px solid #ddd">'
        f'<a href="https://toolinsider.example/read/{number}-{place}" style="color: #0b5; font-size: 18px">{title}</a>'
        "<p>Our editors looked at what shops really do, and where the money goes.</p></td></tr>"
        for place, title in enumerate(picked)
    )
    page = (
        "<html><head><style>body { background: #f4f4f4 } .box { max-width: 600px }</style></head>"
        f'<body><table class="box" align="center" bgcolor="#ffffff"><tr><td><img src="cid:{paper.logo().content_id}" '
        f'alt="ToolInsider"><h1>ToolInsider Weekly #{number // 7 % 500}</h1></td></tr>{cards}'
        '<tr><td><img src="https://track.toolinsider.example/open.gif?u=4711" width="1" height="1" alt="">'
        '<small><a href="https://toolinsider.example/unsubscribe">Unsubscribe</a></small></td></tr></table></body></html>'
    )
    return Letter(
        sender=person("insider"),
        to=(EMPLOYEES["lena"], EMPLOYEES["mehmet"]),
        at=_at(day, 5, 30),
        subject=f"ToolInsider Weekly: {picked[0]}",
        text="\n".join(f"* {title}" for title in picked),
        html=page,
        attachments=(paper.logo(),),
        headers={"List-Unsubscribe": "<https://toolinsider.example/unsubscribe>", "Precedence": "bulk"},
    )


def _chamber(day: datetime.datetime) -> Letter:
    return Letter(
        sender=person("ihk"),
        to=(EMPLOYEES["anna"], EMPLOYEES["sofia"]),
        at=_at(day, 7, 0),
        subject=f"IHK aktuell: Förderprogramme, Termine, Ausbildung ({day:%d.%m.%Y})",
        text="Förderprogramm 'Digital jetzt' verlängert\n\nTermine: Ausbildersprechtag, Zollseminar, Energieberatung",
        html=(
            '<html><body><h1 style="color: #003882">IHK aktuell</h1><ul><li>„Digital jetzt“ verlängert</li>'
            "<li>Ausbildersprechtag: noch Plätze frei</li><li>Zollseminar: Übersicht der Änderungen</li>"
            '</ul><p><img src="https://bilder.ihk-region.example/kopf.jpg" alt="Kopfbild"></p></body></html>'
        ),
    )


def _invitation(day: datetime.datetime, number: int) -> Letter:
    start = _at(day + datetime.timedelta(days=6), 14, 0).astimezone(datetime.UTC)
    end = start + datetime.timedelta(hours=1)
    anna = EMPLOYEES["anna"]
    guests = tuple(EMPLOYEES[key] for key in ("lena", "mehmet"))
    attendees = "".join(
        f"ATTENDEE;CN={guest.name};RSVP=TRUE;PARTSTAT=NEEDS-ACTION:mailto:{guest.address}\r\n" for guest in guests
    )
    calendar = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Postbuch//Demo//DE\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n"
        f"UID:werkzeugrunde-{number}@firma.example\r\nDTSTAMP:{_stamp(_at(day, 11, 0))}\r\n"
        f"DTSTART:{_stamp(start)}\r\nDTEND:{_stamp(end)}\r\nSUMMARY:Werkzeugbesprechung\r\n"
        f"LOCATION:Besprechungsraum Fräse\r\nORGANIZER;CN={anna.name}:mailto:{anna.address}\r\n{attendees}"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    return Letter(
        sender=anna,
        to=guests,
        at=_at(day, 11, 0),
        subject=f"Einladung: Werkzeugbesprechung am {start:%d.%m.}",
        text=f"Werkzeugbesprechung\n\nWann: {start:%d.%m.%Y} 14 Uhr\nWo: Besprechungsraum Fräse",
        calendar=calendar,
    )


def _stamp(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")


def _rubbish(day: datetime.datetime, number: int) -> Letter:
    target = EMPLOYEES[_ALL[number % 5]]
    return Letter(
        sender=person("insider"),
        to=(target,),
        at=_at(day, 1, 13),
        subject="Ihr Paket wartet!!!",
        text="Bitte klicken Sie hier: https://zustellung.invalid/paket um Ihre Adresse zu bestätigen.",
        html=(
            '<html><body onload="alert(1)"><p>Bitte <a href="javascript:alert(1)">bestätigen</a> Sie Ihre Adresse.</p>'
            '<script>document.location="https://zustellung.invalid"</script></body></html>'
        ),
        headers={"X-Spam-Flag": "YES"},
    )
