"""What a letter quotes is folded: known by its structure, whatever program wrote it, and never what is all there is."""

import re
import tracemalloc
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.webmail import plaintext, quotelines, quotes, quotewords
from postbuch.webmail.sanitize import clean_html

HEAD = (
    "<b>Von:</b> Anna Berg &lt;anna@x.example&gt;<br><b>Gesendet:</b> Dienstag, 3. M&auml;rz 2026 12:00<br>"
    "<b>An:</b> Bernd<br><b>Betreff:</b> Plan"
)
LINE = '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">'
# Each has SAID above and OLD below, as the programs write it.
PROGRAMS = {
    "Outlook": f"<body><div class=WordSection1><p>SAID</p><p>&nbsp;</p><div>{LINE}<p class=MsoNormal>{HEAD}</p></div>"
               "</div><p>OLD</p></div></body>",
    "Outlook, indented": "<body><div><p>SAID</p><div style='border:none;border-left:solid blue 1.5pt'><div>"
                         f"{LINE}<p>{HEAD}</p></div></div><p>OLD</p></div></div></body>",
    "Outlook 2003": f"<div><p>SAID</p><div><div align=center><hr size=2 width='100%'></div><p>{HEAD}</p></div>"
                    "<p>OLD</p></div>",
    "Outlook, one paragraph": f"<p style='color:red'>SAID<br><br>{HEAD}<br><br>OLD</p>",
    "Outlook, old": "<p>SAID</p><p>-----Original Message-----<br>From: Anna<br>Sent: 3 March 2026<br>Subject: Plan</p>"
                    "<p>OLD</p>",
    "Outlook on the web": "<div dir=ltr>SAID</div><div id=appendonsend></div><hr style='width:98%'>"
                          f"<div id=divRplyFwdMsg dir=ltr><font>{HEAD}</font><div>&nbsp;</div></div><div>OLD</div>",
    "Outlook on the web, a language nobody knows": "<div>SAID</div><hr id=stopSpelling><div id=divRplyFwdMsg>Xyz: a"
                                                   "<br>Uvw: b</div><div>OLD</div>",
    "Outlook on a telephone": "<div>SAID</div><div id=ms-outlook-mobile-signature>Outlook f&uuml;r iOS</div>"
                              "<div id=mail-editor-reference-message-container><div>"
                              f"<div>{HEAD}</div><div>OLD</div></div></div>",
    "Outlook for Mac": f"<div>SAID</div><span"
                       f" id=OLK_SRC_BODY_SECTION><div><span>{HEAD}</span></div><div>OLD</div></span>",
    "beyond its frame": f"<div class=a><p>SAID</p><div>{HEAD}</div></div><div>OLD</div>",
    "a cell of a table": f"<table><tr><td><p>SAID</p><p>{HEAD}</p><p>OLD</p></td></tr></table>",
    "French": "<p>SAID</p><p><b>De&nbsp;:</b> Anna<br><b>Envoyé&nbsp;:</b> mardi 3 mars 2026<br><b>À&nbsp;:</b> B<br>"
              "<b>Objet&nbsp;:</b> Plan</p><p>OLD</p>",
    "Italian": "<p>SAID</p><p>Da: Anna<br>Inviato: 3 marzo 2026<br>A: B<br>Oggetto: Plan</p><p>OLD</p>",
    "Spanish": "<p>SAID</p><p>De: Anna<br>Enviado el: 3 de marzo de 2026<br>Para: B<br>Asunto: Plan</p><p>OLD</p>",
    "Polish": "<p>SAID</p><p>Od: Anna<br>Wysłano: 3 marca 2026<br>Do: B<br>Temat: Plan</p><p>OLD</p>",
    "Japanese": "<p>SAID</p><p>差出人: Anna<br>送信日時: 2026年3月3日<br>宛先: B<br>件名: Plan</p><p>OLD</p>",
    "GMX": "<div>SAID<div name=quote style='border-left:2px solid #C3D9E5'><div><b>Gesendet:</b>&nbsp;3. M&auml;rz 2026"
           "<br><b>Von:</b>&nbsp;Anna<br><b>An:</b>&nbsp;B<br><b>Betreff:</b>&nbsp;Plan</div><div>OLD</div></div>"
           "</div>",
    "Notes": "<div>SAID<br><br><table><tr><td>Von:</td><td>Anna</td></tr><tr><td>An:</td><td>B</td></tr><tr><td>Datum:"
             "</td><td>03.03.2026</td></tr><tr><td>Betreff:</td><td>Plan</td></tr></table><hr>OLD</div>",
    "Zimbra": "<div>SAID</div><hr id=zwchr><div><b>Von: </b>Anna<br><b>Gesendet: </b>3. März<br></div><div>OLD</div>",
    "Samsung": "<div>SAID</div><div><br></div><div>-------- Ursprüngliche Nachricht --------</div><div>Von: Anna</div>"
               "<div>Datum: 03.03.26 12:00 (GMT+01:00)</div><div>An: B</div><div>Betreff: Plan</div><div>OLD</div>",
    "Gmail": "<div dir=ltr>SAID</div><br><div class='gmail_quote gmail_quote_container'><div dir=ltr class=gmail_attr>"
             "Am Di., 3. März 2026 um 12:00 Uhr schrieb Anna &lt;a@x&gt;:<br></div><blockquote class=gmail_quote>OLD"
             "</blockquote></div>",
    "Apple Mail": "<div>SAID</div><div><br><blockquote type=cite><div>Am 03.03.2026 um 12:00 schrieb Anna:</div><br>"
                  "<div>OLD</div></blockquote></div>",
    "Apple Mail, older": "<div>SAID</div><br><div><div>On 3 Mar 2026, at 12:00, Anna wrote:</div><br>"
                         "<blockquote type=cite>OLD</blockquote></div>",
    "Thunderbird": "<p>SAID</p><div class=moz-cite-prefix>Am 03.03.26 um 12:00 schrieb Anna:<br></div><blockquote "
                   "type=cite cite='mid:x'>OLD</blockquote><div class=moz-signature>-- <br>Bernd</div>",
    "Yahoo": "<div>SAID</div><div id=x class=yahoo_quoted><div><div>On Tuesday, Anna"
             " wrote:</div><div>OLD</div></div></div>",
    "Proton": "<div>SAID</div><div class='protonmail_signature_block'>x</div><div class=protonmail_quote>On"
              " Tuesday, Anna"
              " wrote:<br><blockquote class=protonmail_quote type=cite>OLD</blockquote></div>",
    "without a sign": "<div><p>SAID</p><p>Le mar. 3 mars 2026 à 12:00, Anna a écrit"
                      " :</p><blockquote>OLD</blockquote></div>",
}  # fmt: skip
TEXTS = {
    "underscores": "SAID\n\n________________________________\nVon: Anna\nGesendet: 3. März 2026\nAn: B\nBetreff:"
                   " Plan\n\nOLD",
    "dashes": "SAID\n\n-----Ursprüngliche Nachricht-----\nVon: Anna\nGesendet: 3. März 2026\nBetreff: Plan\n\nOLD",
    "bold": "SAID\n\n*Von:* Anna <a@x>\n*Gesendet:* 3. März 2026\n*An:* B\n*Betreff:* Plan\n\nOLD",
    "many recipients": "SAID\n\nFrom: Anna\nSent: 3 March\nTo: a;\nb;\nc;\nd\nSubject: Plan\n\nOLD",
    "a mark": "SAID\n\n> OLD",
    "who wrote": "SAID\n\nOn 3 March 2026, Anna wrote:\n> OLD\n",
    "who wrote, broken": "SAID\n\nAm Dienstag, dem 03.03.2026 um 12:00 schrieb Anna Katharina\nBerg"
                         " <anna@x.example>:\n\n> OLD",
    "who wrote, below a line": "SAID\n\n------- Original Message -------\nOn Tuesday, Anna <a@x> wrote:\n\n> OLD",
    "date and address": "SAID\n\n2026-03-03 12:00 GMT+01:00 Anna <anna@x.example>:\n\n> OLD",
    "a signature below": "SAID\n\n> OLD\n\n-- \nBernd",
}  # fmt: skip
# What stays whole.
WHOLE = {
    "nothing above": f"<div>{HEAD}</div><div>OLD</div>",
    "a mark above": f"<div>&nbsp;&#8203;</div><hr><div>{HEAD}</div><div>OLD</div>",
    "a signature alone above": f"<div><br></div><div id=Signature>Bernd</div><div"
                               f" id=appendonsend></div>{HEAD}<p>OLD</p>",
    "two dashes and a signature above": f"<p>-- <br>Bernd<br>Firma</p><p>{HEAD}</p><p>OLD</p>",
    "Gmail passes on": "<div>FYI</div><div class=gmail_quote><div class=gmail_attr>---------- Forwarded message"
                       " ---------"
                       "<br>Von: Anna<br>Date: 3. März<br>Subject: Plan<br></div>OLD</div>",
    "Apple passes on": "<div>FYI</div><blockquote type=cite><div>Anfang der weitergeleiteten"
                       " Nachricht:</div>OLD</blockquote>",
    "Thunderbird passes on": "<p>FYI</p><div>-------- Weitergeleitete Nachricht"
                             " --------<table><tr><th>Betreff:</th><td>x"
                             "</td></tr><tr><th>Datum:</th><td>3. März</td></tr><tr><th>Von:</th><td>Anna</td></tr>"
                             "</table>OLD</div>",
    "an answer below": "<blockquote type=cite>OLD</blockquote><p>SAID</p>",
    "answers between": "<p>Hi</p><blockquote type=cite>OLD</blockquote><p>SAID</p>",
    "answers within": "<p>Hi</p><div class=gmail_quote><div class=gmail_attr>Anna wrote:</div><blockquote class="
                      "gmail_quote>OLD</blockquote><div>SAID</div></div>",
    "what somebody indents": "<div><p>Ein Gedicht von mir</p><blockquote>OLD</blockquote></div>",
    "a signature with fields": "<p>SAID</p><hr><p>Anna Berg<br>Tel: 040 1<br>Fax: 2<br>Von: Haus zu Haus</p>",
    "a time table": "<p>Ihre Reise</p><p>From: London<br>To: Paris<br>Date: 3 March 2026</p><p>OLD</p>",
    "a header without a date": "<p>SAID</p><p>Von: Anna<br>An: Bernd<br>Betreff: Plan</p><p>OLD</p>",
    "rows of a table": f"<table><tr><td>SAID</td></tr><tr><td>{HEAD}</td></tr><tr><td>OLD</td></tr></table>",
    "answers in red": f"<p>Hallo Anna, Antworten unten in Rot.</p><p>{HEAD}</p><p>OLD</p><p style=color:red>SAID</p>",
    "answers between marks below a header": f"<p>Hi</p><p>{HEAD}</p><blockquote>OLD</blockquote><p>SAID</p>"
                                            "<blockquote>OLD</blockquote><p>SAID</p>",
    "too deep": "<p>SAID</p>" + "<div>" * 300 + HEAD,
}  # fmt: skip


def shown(html: str) -> tuple[str, str]:
    """The words that are seen, and those behind the control."""
    found = re.search(r"<details data-quoted><summary>Q</summary>(.*)</details>", html, re.DOTALL)
    if found is None:
        return words(html), ""
    return words(html[: found.start()] + " " + html[found.end() :]), words(found[1])


def words(html: str) -> str:
    """Without a tag."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", html)).split())


class Nesting(HTMLParser):
    """Whether each element ends where it has to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("br", "hr", "img", "wbr", "col"):
            # The control would end a paragraph that it stands in.
            self.wrong += tag == "details" and "p" in self.open
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.wrong += not self.open or self.open.pop() != tag


def check(before: str, after: str) -> None:
    """Nothing was lost, nothing is in another order, and the control holds all of what it folds."""
    seen, behind = shown(after)
    assert words(after.replace("<summary>Q</summary>", "")) == words(before)
    nesting = Nesting()
    nesting.feed(after)
    assert nesting.open == [] and nesting.wrong == 0
    assert not behind or seen


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_programs_quote_is_folded(name: str) -> None:
    """With the lines that belong to it and all that stands below, and nothing of the answer."""
    html = clean_html(PROGRAMS[name], {}).html
    made = quotes.folded(html, "Q")
    check(html, made)
    seen, behind = shown(made)
    assert re.fullmatch(r"SAID( Outlook für iOS| x)?", seen), made
    assert "OLD" in behind


@pytest.mark.parametrize("name", TEXTS)
def test_what_texts_quote_is_folded(name: str) -> None:
    """A line end is one there."""
    html = str(plaintext.to_html(TEXTS[name]))
    made = quotes.folded(html, "Q", plain=True)
    check(html, made)
    seen, behind = shown(made)
    assert (seen, "OLD" in behind) == ("SAID", True), made


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_no_quote_stays(name: str) -> None:
    """What is passed on, what has an answer below, and what only looks like a header."""
    html = clean_html(WHOLE[name], {}).html
    assert quotes.folded(html, "Q") == html


@pytest.mark.parametrize("text", [
    "Von: Anna\nGesendet: 3. März 2026\nBetreff: Plan\n\nOLD", "> OLD", "> OLD\n\nSAID",
    "-- \nBernd\n\nVon: Anna\nGesendet: 3. März 2026\nBetreff: Plan\n\nOLD", "Anna schrieb:\n> OLD",
    "FYI\n\n---------- Forwarded message ---------\nFrom: Anna\nDate: 3 March\nSubject: Plan\n\nOLD",
    "Hi\n\n-----Original Message-----\nFrom: Anna\nSent: 3 March\nSubject: Plan\n\n> OLD\n\nSAID\n\n> OLD\n\nSAID",
    "See my answers inline.\n\n-----Original Message-----\nFrom: Anna\nSent: 3 March\nSubject: Plan\n\nOLD\nSAID",
    "FYI\n\nBegin forwarded message:\n\n> From: Anna\n> Date: 3 March\n> Subject: Plan\n>\n> OLD",
])  # fmt: skip
def test_texts_that_stay(text: str) -> None:
    """As in HTML."""
    html = str(plaintext.to_html(text))
    assert quotes.folded(html, "Q", plain=True) == html


def test_texts_of_several_parts_are_folded_each_by_itself() -> None:
    """What stands in another part of the letter is not behind the control."""
    html = "<div data-part><div data-plain><div>SAID\n\nVon: A\nDatum: 3.3.\nBetreff: x\n\nOLD</div></div></div>"
    made = quotes.folded(f"{html}<div data-part>List</div>", "Q")
    check(f"{html}<div data-part>List</div>", made)
    assert shown(made) == ("SAID List", "Von: A Datum: 3.3. Betreff: x OLD")


def test_marks_in_the_letter_that_is_answered_are_its_own() -> None:
    """What stands between them there is old; below a header all is quoted that does not begin with a mark."""
    text = "SAID\n\nVon: A\nDatum: 3.3.\nBetreff: x\n\nOLD\n> OLDER\nOLD"
    made = quotes.folded(str(plaintext.to_html(text)), "Q", plain=True)
    assert shown(made)[0] == "SAID"


def test_one_line_above_a_hundred_thousand_quotes_is_looked_at_once() -> None:
    """It is as dear as lines may be: each date in it may be followed by an address. Else this takes minutes."""
    quoted = "<blockquote></blockquote>" * 200_000
    html = f"<div><p>SAID</p><p>{'1.1.1 ' * 160}am:</p>{quoted}</div>"
    assert quotes.folded(html, "Q") == html


def test_many_lines_deep_within_take_no_more_memory() -> None:
    """Each knew all elements around it by itself: a letter of half a megabyte took a thousand."""
    rows = "a\n" * 20_000

    def peak(depth: int) -> int:
        html = "<div>" * depth + f"<pre>{rows}</pre>" + "</div>" * depth
        tracemalloc.start()
        try:
            assert quotes.folded(html, "Q") == html
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(200) < 2 * peak(1)


def test_a_letter_of_nothing_but_lines_stays_as_it_is() -> None:
    """Half a million took a second and a half and 110 MB; one that people read is folded."""
    for count, is_folded in ((1_000, True), (quotelines.MAX_LINES, False)):
        html = str(plaintext.to_html("SAID\n" * count + "Anna schrieb:\n> OLD"))
        assert (quotes.folded(html, "Q", plain=True) != html) is is_folded


def test_a_style_goes_on_behind_the_control() -> None:
    """An element that is parted has its colours on both sides, and its name for links once."""
    html = clean_html(f'<div id=a><p id=b style="color:red">SAID<br>{HEAD}<br>OLD</p></div>', {}).html
    made = quotes.folded(html, "Q")
    assert made.count('style="color:red"') == 2
    assert made.count('id="m-b"') == made.count('id="m-a"') == 1


PIECES = st.lists(st.sampled_from([
    "<p>", "</p>", "<div>", "</div>", "<blockquote>", "<blockquote type=cite>", "</blockquote>", "<br>", "<hr>",
    "<table>", "<tr><td>", "</td></tr>", "</table>", "Text ", HEAD, "<div id=appendonsend></div>",
    "<div class=gmail_quote>", "<ul><li>", "</li></ul>", "<b>", "</b>", "-- <br>", "<span class=signature>", "</span>",
    "Anna wrote:<br>", LINE,
    "&nbsp;", "<pre>", "a\nb\n", "</pre>", "<center>", "</center>", "Von: x<br>", "Am 3.3. um 12:00 schrieb Anna:<br>",
    "<a href=http://x>", "</a>",
]), max_size=25)  # fmt: skip


@given(PIECES)
def test_nothing_is_lost_whatever_a_letter_is(pieces: list[str]) -> None:
    """All words in their order, elements within each other, something to be seen above what is folded."""
    html = clean_html("".join(pieces), {}).html
    check(html, quotes.folded(html, "Q"))


@given(st.lists(st.sampled_from([
    "", "a", "> b", ">> c", "-- ", "Von: x", "Datum: 3.3.", "Betreff: y", "Anna schrieb:", "____________",
])))  # fmt: skip
def test_nothing_is_lost_whatever_a_text_is(rows: list[str]) -> None:
    """The same for plain text."""
    html = str(plaintext.to_html("\n".join(rows)))
    check(html, quotes.folded(html, "Q", plain=True))


@pytest.mark.parametrize(("line", "points"), [
    ("Meine Antworten stehen unten", True), ("s. u.", True), ("Ich habe in Blau geantwortet", True),
    ("See my comments in-line", True), ("In red:", True), ("Mes réponses en rouge", True), ("Odpowiedzi poniżej", True),
    ("In Rotterdam", False), ("Danke, passt so", False), ("The pipeline is green", False), ("", False),
])  # fmt: skip
def test_words_that_say_where_the_answers_are(line: str, points: bool) -> None:
    """There the quote is not folded, as an answer may stand in it."""
    assert quotewords.points_below(line) is points


@pytest.mark.parametrize(("subject", "passes_on"), [
    ("WG: Plan", True), ("FW: Plan", True), ("[EXTERN] Fwd: Plan", True), ("TR : Plan", True), ("转发：计划", True),
    ("AW: WG: Plan", False), ("Re: Fwd: Plan", False), ("Plan", False), ("Wgt: 3", False), ("", False),
])
def test_subjects_that_pass_on(subject: str, passes_on: bool) -> None:
    """There the quote is what the letter is about; an answer to it is none."""
    assert quotewords.passes_on(subject) is passes_on
