"""What mail programs write above the letter that they answer or pass on, in the usual languages. Pure.

Each function looks at one line, or at the few lines of one header; each is linear in what it reads.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Literal

Kind = Literal["from", "date", "to", "subject"]

# Lines that a header may have: seven fields, of which one has many recipients in lines of their own.
MAX_LINES = 24
# Lines one after the other that are no field: folded lists of people, fields that are not known here.
_MAX_STRANGE = 8
# A line that is longer is a paragraph.
MAX_CHARACTERS = 1_000

_LABELS: dict[Kind, str] = {
    "from": """
        from von de da van från fra od expéditeur remitente mittente absender afzender lähettäjä feladó от від kimden
        gönderen από 发件人 寄件者 寄件人 差出人 送信者 보낸_사람 de_la pošiljatelj odosielateľ saatja nuo מאת من
    """,
    "date": """
        date sent gesendet gesendet_am datum envoyé envoyé_le enviado enviado_el enviada
        enviada_em enviado_em data inviato fecha verzonden skickat sendt dato wysłano odesláno
        odoslané dátum lähetetty päivämäärä elküldve отправлено дата надіслано tarih gönderildi
        发送时间 日期 寄件日期 送信日時 日時 보낸_날짜 날짜 στάλθηκε ημερομηνία trimis poslano saadetud data_wysłania
        date_d'envoi נשלח تاريخ
    """,
    "to": """
        to an à a para aan till til do komu pro vastaanottaja címzett кому kime alıcı 收件人 收件者 宛先 받는_사람 προς
        către pentru za empfänger destinataire destinatario kam kellele אל إلى
    """,
    "subject": """
        subject betreff objet asunto assunto oggetto onderwerp ämne emne temat předmět predmet aihe tárgy тема konu 主题
        主旨 件名 제목 θέμα subiect zadeva teema tema נושא الموضوع
    """,
}
_KINDS: dict[str, Kind] = {
    word.replace("_", " "): kind for kind, words in reversed(_LABELS.items()) for word in words.split()
}
# Bold in a text that was HTML: *Von:* Anna.
_FIELD = re.compile(r"\*?\s?([^\W\d_][^:：*\n]{0,20}?)\s?\*?\s?[:：]\s?\*?(.*)\Z")

_WROTE = re.compile(
    r"""\b(?:wrote|writes|schrieb(?:en)?|schreibt|a\sécrit|écrivait|escribi[óo]|escreveu|ha\sscritto|schreef|skrev
    |napisał(?:\(a\)|a)?|napsala?|napísala?|написала?|пишет|kirjoitti|írta|yazdı|a\sscris|έγραψε)\b
    |写道|寫道|さん(?:は|が)?書|님이\s작성|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b.*@""",
    re.IGNORECASE | re.VERBOSE,
)
_OPENS = re.compile(r"(?:on|am|at|le|el|em|il|op|den|dnia|w\sdniu|dne|pe|στις|a|в|\d{1,4}[.\-/])\b", re.IGNORECASE)
_FORWARDED = re.compile(
    r"forward|weiter(?:geleitet|leitung)|transf[ée]r|reenvia|rinviat|inoltrat|doorgestuurd|encaminhad|vidare(?:bef|s)"
    r"|videresend|przekazan|přeposlan|preposlan|пересыла|пересланн|välitetty|továbbított|iletilen|转发|轉寄|転送|전달",
    re.IGNORECASE,
)
# The answers stand within the quote: see my answers below, Antworten unten in Rot, inline.
_BELOW = re.compile(
    r"\b(?:in-?line|interleaved|below|unten(?:stehend\w*)?|im\stext|zwischen\sden\szeilen"
    r"|(?:in|en|em|w|i|på)\s(?:rot|blau|gr[üu]n|farbe|red|blue|green|colou?r|rouge|bleu|vert|rojo|azul|verde|rosso|blu"
    r"|rood|blauw|groen|vermelho|rött|rødt|blått|blåt)|ci-dessous|más\sabajo|abaixo|(?:qui\s)?sotto|hieronder"
    r"|onderstaand|poniżej|nedan|nedenfor|níže|alább|ниже)\b|\bs\.\s?u\.|下記|以下|如下",
    re.IGNORECASE,
)
# A line of signs alone, or words between two of them: -----Original Message-----
_DIVIDER = re.compile(r"[-_=*—–]{5,}\Z|[-_=*—–]{2,}\s?[^\s-](?:[^\n]{0,60}[^\s-])?\s?[-_=*—–]{2,}\Z")
# What a subject begins with when the letter passes another on. VS is an answer in Finland and is left whole there, too.
_PASSES_ON = re.compile(
    r"\s*(?:\[[^\]]{0,40}\]\s*)?(?:wg|fw|fwd?|tr|rv|enc|vb|vs|vl|pd|doorst|i|továbbítás|转发|轉寄|転送)\s?(?:\[\d+\])?\s?[:：]",
    re.IGNORECASE,
)


def passes_on(subject: str) -> bool:
    """Whether the subject says that another letter is passed on."""
    return _PASSES_ON.match(subject) is not None


def is_forwarded(line: str) -> bool:
    """Whether a line above a quote says that it is passed on: ---- Forwarded message ----, Begin forwarded message:"""
    divides = _DIVIDER.match(line) or line.endswith((":", "："))
    return len(line) <= MAX_CHARACTERS and bool(divides) and _FORWARDED.search(line) is not None


def points_below(line: str) -> bool:
    """Whether an answer says that more of it stands further below, or marked by its colour."""
    return _BELOW.search(line) is not None


def is_divider(line: str) -> bool:
    """Whether a line divides, and says nothing but that an original message follows."""
    return len(line) <= 80 and _DIVIDER.match(line) is not None


def attribution(lines: Sequence[str]) -> int:
    """How many of the last lines say who wrote what follows, 0 to 3: mail programs break such a line.

    lines: without empty ones between them.
    """
    if not lines or not lines[-1].endswith((":", "：")) or max(map(len, lines[-3:])) > MAX_CHARACTERS:
        return 0
    for count in range(1, min(len(lines), 3) + 1):
        if _OPENS.match(lines[-count]) and _WROTE.search(" ".join(lines[-count:])):
            return count
    return int(_WROTE.search(lines[-1]) is not None)


def kind(line: str) -> Kind | None:
    """Which field of a header the line is, if it is one of those that mail programs copy into an answer."""
    found = _FIELD.match(line) if len(line) <= MAX_CHARACTERS else None
    return _KINDS.get(found[1].lower()) if found else None


def is_header(lines: Iterable[str], is_divided: bool) -> bool:
    """Whether these lines begin with the header of a letter: sender and date, and the subject as well.

    Where something divides it from what stands above, two of the four are enough beside the sender. Signatures, orders
    and time tables have lines like these, but neither both nor a date in them.
    """
    found: set[Kind] = set()
    strange = 0
    for line in lines:
        named = kind(line)
        if not found and named not in ("from", "date"):
            break
        strange = 0 if named else strange + bool(line)
        if strange > _MAX_STRANGE or (named in found):
            break
        if named == "date" and not line.endswith((":", "：")) and not any(map(str.isdigit, line)):
            break
        if named:
            found.add(named)
    return "from" in found and (len(found) > 2 if is_divided else {"date", "subject"} <= found)
