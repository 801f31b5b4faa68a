"""The words of an HTML body are those that people see, and reading them takes no longer for hostile ones."""

import pytest

from postbuch.archive import htmltext
from postbuch.archive.message import parse


@pytest.mark.parametrize(("source", "words"), [
    ("<td>Alpha</td><td>Beta</td>", "Alpha Beta"),
    ("<tr><th>Alpha<th>Beta<tr><td>Gamma", "Alpha Beta Gamma"),
    ("<dl><dt>Alpha<dd>Beta</dl>Gamma", "Alpha Beta Gamma"),
    ("<section>Alpha</section><h5>Beta</h5><center>Gamma</center>", "Alpha Beta Gamma"),
    ("<details><summary>Alpha</summary>Beta</details>", "Alpha Beta"),
    ("<ul><li>Alpha<li>Beta</ul><select><option>Gamma<option>Delta</select>", "Alpha Beta Gamma Delta"),
    ("<article>Alpha</article><unheard>Beta", "Alpha Beta"),
    ("Al<b>p</b>h<span class=x>a</span> B<i/>e<o:p></o:p>t<wbr>a", "Alpha Beta"),
    ("<p title='<script>'>Wort</p>", "Wort"),
    ('<p title="a>b<!--">Wort</p>', "Wort"),
    ("<a href=x'>it's</a>", "it's"),
    ("3 < 4 und <y ohne Ende", "3 < 4 und <y ohne Ende"),
    ("<!-- <p>x</p> -->Wort<style title='</p>'>x</style><script>x", "Wort"),
])
def test_words_end_where_people_see_them_end(source: str, words: str) -> None:
    """At cells and blocks, not at what stands within a line; nothing is a tag that stands in quotes."""
    assert " ".join(htmltext.words(source).split()) == words


@pytest.mark.parametrize("piece", [
    '<a="<a" ', "<a='", "<a =", "<p =\n", "<title/>", "<a href=' ", '="', "<p ='\">", "<img ", "<img alt='",
])
def test_attributes_are_read_once(piece: str) -> None:
    """However they are nested, twice as much takes about twice as long: 1 MiB is read in a second or two."""
    source = piece * (htmltext.MAX_CHARACTERS // len(piece))
    assert isinstance(htmltext.words(source), str)
    assert not htmltext.pictures(source) and not htmltext.words_and_descriptions(source)[1]


@pytest.mark.parametrize("piece", [
    "<style>", "<style></style", "<style>/*", "<style>background:url(", "<style>background: ", "<base ", "<base href=",
    "<style>background:'background:\"", "<style>background:(url(",
    "<p style='background:url(", "<p style=/*", "<p a ", "<td background=",
])
def test_styles_are_read_once(piece: str) -> None:
    """As the attributes: what opens and does not end takes no longer for being there often."""
    source = piece * (htmltext.MAX_CHARACTERS // len(piece))
    assert len(htmltext.pictures(source)) < 3 and not htmltext.base(source)


@pytest.mark.parametrize(("source", "found"), [
    ("<img alt='src=x' src=cid:a><IMG SRC=' b&amp;c.png '>", {"cid:a", " b&c.png "}),
    ("<body background=cid:a><td BACKGROUND='b'><div background=c>", {"cid:a", "b"}),
    ("<p style='background:#fff url(cid:a) no-repeat;color:red'>", {"cid:a"}),
    ("<p style=\"BACKGROUND-IMAGE:URL( 'b;c' ), url(d;e)\">", {"b;c", "d;e"}),
    ("<head><style>td{background:url(a),url(&quot;)}</style></head>", {"a", "&quot;"}),
    ("<style>@media x{p{background:url('b')", {"b"}),
    ("<style>p{background:/*url(x)*/url(a);cursor:url(y)}</style>background:url(z)", {"a"}),
    ("<style>p{list-style:url(a) square;border-image:url(b) 1;border-image-slice:url(c)}</style>", {"a", "b"}),
    ("<!-- <img src=a> --><script><img src=b></script><p title='<img src=c>'>", set()),
])
def test_pictures_that_a_body_refers_to(source: str, found: set[str]) -> None:
    """In elements, attributes and styles, as written."""
    assert htmltext.pictures(source) == found


@pytest.mark.parametrize(("source", "base"), [
    ("<head><base target=_blank><BASE HREF=' http://x.example/a/ '></head>", "http://x.example/a/"),
    ("<basefont href=x><p>base href=y", ""),
])
def test_base(source: str, base: str) -> None:
    """The first that is said."""
    assert htmltext.base(source) == base


def test_what_pictures_say_that_they_show() -> None:
    """Once each, in one line, as a browser reads it; what people never see is nothing to find."""
    source = (
        "<style><img alt='nie'></style><p>Hallo<img alt='Der neue\n Katalog &amp; mehr' src=a><IMG ALT=Sommer>"
        '<img src="x" alt=""><img alt="Sommer"><img data-alt=no title=nein></p><!-- <img alt=weg> -->'
    )
    words, descriptions = htmltext.words_and_descriptions(source)
    assert words == htmltext.words(source) and "Katalog" not in words
    assert descriptions == "Der neue Katalog & mehr\nSommer"


def test_a_page_of_a_newsletter_as_a_picture_is_found_and_previewed() -> None:
    """Nothing but pictures: what they say is what the list shows; else it stands behind the words."""
    head = b"From: laden@firma.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    alone = parse(head + "<a href=x><img alt='Wintermäntel zum halben Preis' src=y></a>".encode())
    assert alone.text == alone.preview == "Wintermäntel zum halben Preis"
    mixed = parse(head + b"<img alt='Logo der Firma'><p>Guten Tag, Anna</p>")
    assert mixed.text == "Guten Tag, Anna\nLogo der Firma" and mixed.preview.startswith("Guten Tag")
