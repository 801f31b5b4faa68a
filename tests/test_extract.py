"""The words of attachments: of every kind of file, of hostile ones, over the whole corpus, and whatever is killed."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psutil
import pytest
from office_files import (
    docx,
    forwarded,
    mail_with,
    odf,
    packed,
    page_in_one_file,
    page_tree,
    pptx,
    protected_office,
    xlsx,
)
from PIL import Image
from sqlalchemy import Engine, func, select

from postbuch.archive import extract_child, extract_text, mime
from postbuch.archive.extract_bounds import MAX_CHARACTERS, MAX_CPU_S, MAX_FILE_OCTETS
from postbuch.archive.extract_parser import FileParser
from postbuch.archive.extract_reasons import Unsearched, sentence
from postbuch.archive.extract_work import ExtractWork
from postbuch.archive.schema import part
from postbuch.archive.schema_media import object_text
from provider.archive import fresh_archive, ingester, message_record, read_files
from provider.corpus import corpus_files, corpus_folder
from provider.pdf import Words, document

# Encrypted by a user password with an empty text: RC4, 40 bit (ISO 32000-1 section 7.6.3).
PROTECTED_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n"
    b"3 0 obj<</Filter/Standard/V 1/R 2/P -4/O<" + b"28" * 32 + b">/U<" + b"31" * 32 + b">>>endobj\n"
    b"trailer<</Root 1 0 R/Encrypt 3 0 R/ID[<00><00>]>>"
)
WORD = "Grüße aus München"


@pytest.fixture(scope="module")
def files() -> Iterator[FileParser]:
    with FileParser() as made:
        yield made


def pdf(text: str = WORD) -> bytes:
    """An invoice as the demo's firm sends it."""
    return document([Words(x=50, y=700, text=text)], "Rechnung")


def card(version: str, *lines: str) -> bytes:
    """As an address book has it."""
    return "\r\n".join(("BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", "")).encode()


@pytest.mark.parametrize(("octets", "text", "kind"), [
    (pdf(), WORD, "pdf"),
    (docx(WORD), f"{WORD}\nlinks\nrechts\nAnmerkung", "docx"),
    (xlsx(WORD), f"Umsatz\n{WORD}\n1.5 Zeile 1 \n 2.5 Zeile 2", "xlsx"),
    (pptx("ä"), "Folie 1 ä\nFolie 2 ä\nFolie 10 ä\nFolie 11 ä", "pptx"),
    (odf(WORD), f"Kopf\n{WORD} Ende", "odf"),
    (odf(WORD, "spreadsheet"), f"Kopf\n{WORD} Ende", "odf"),
    (odf(WORD, "presentation"), f"Kopf\n{WORD} Ende", "odf"),
    (rb"{\rtf1\ansi\ansicpg1252 Gr\'fc\'dfe \b aus\b0  M\'fcnchen\par}", WORD, "rtf"),
    (WORD.encode(), WORD, "text"),
    (WORD.encode("cp1252"), WORD, "text"),
    (WORD.encode("utf-8-sig"), WORD, "text"),
    (WORD.encode("utf-16"), WORD, "text"),
    (b"a;b\r\n1;2\r\n", "a;b\n1;2", "text"),
    (f"<!DOCTYPE html><title>x</title><p>{WORD}<script>boese()</script>".encode(), WORD, "html"),
    (f'<html><meta charset="iso-8859-1"><p>{WORD}'.encode("latin-1"), WORD, "html"),
    (f"<table border=1><tr><td>{WORD}</td><td>4711</td></tr></table>".encode(), f"{WORD} 4711", "html"),
    (f'<meta charset="utf-8"><style>p {{}}</style>{WORD}'.encode(), WORD, "html"),
    (f"<html><p>{WORD}</p></html>".encode("utf-16"), WORD, "html"),
    (page_in_one_file(WORD), f"{WORD}\nzweites Blatt", "mail"),
    (page_in_one_file(WORD).replace(b"\r\n", b"\n"), f"{WORD}\nzweites Blatt", "mail"),
    (f"<?xml version='1.0' encoding='utf-8'?><r><name>{WORD}</name></r>".encode(), WORD, "xml"),
    (b"\x89PNG\r\n\x1a\n" + bytes(99), "", "silent"),
    (b"", "", "text"),
    (
        b'BEGIN:VCALENDAR\r\nSUMMARY;X="a:b":Wir be\r\n spre\r\n\tchen\\, was\\nBernd sagt; M\xc3\r\n \xbcll\r\n',
        'BEGIN:VCALENDAR\nSUMMARY;X="a:b":Wir besprechen, was\nBernd sagt; Müll', "cards",
    ),
    (
        card("2.1", "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCl=", "ler;J=C3=BCrgen", "NOTE:zwei", " Worte"),
        "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Müller;Jürgen\nNOTE:zwei Worte\nEND:VCARD",
        "cards",
    ),
    (
        card("3.0", "PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRg", " ABAQEAYABg", "NOTE:kein Ende", "ohne Punkt"),
        "BEGIN:VCARD\nVERSION:3.0\nPHOTO;ENCODING=b;TYPE=JPEG:\nNOTE:kein Ende\nohne Punkt\nEND:VCARD", "cards",
    ),
    (card("4.0", "FN:Anna").decode().encode("utf-16"), "BEGIN:VCARD\nVERSION:4.0\nFN:Anna\nEND:VCARD", "cards"),
])  # fmt: skip
def test_words_of_each_kind(files: FileParser, octets: bytes, text: str, kind: str) -> None:
    """Every kind of file is told by its octets alone and read in full."""
    found = files.extract(octets)
    lines = "\n".join(line.strip() for line in found.text.splitlines() if line.strip())
    assert lines == "\n".join(line.strip() for line in text.splitlines() if line.strip())
    assert (found.reason, found.extractor) == ("", kind)


def test_a_mail_is_read_with_the_files_in_it(files: FileParser) -> None:
    """Subject, text, attachments, mails within; what cannot be read of them is said for the whole."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@x.example", "b@x.example", "Über alles"
    mail.set_content("Rumpf")
    mail.add_attachment(docx("drinnen"), maintype="application", subtype="octet-stream", filename="Brief.docx")
    inner = EmailMessage()
    inner["From"], inner["To"], inner["Subject"] = "c@x.example", "d@x.example", "weitergeleitet"
    inner.set_content("<p>ganz innen</p>", subtype="html")
    mail.add_attachment(inner)
    found = files.extract(bytes(mail))
    assert found.extractor == "mail" and not found.reason
    for word in ("Über alles", "Rumpf", "Brief.docx", "drinnen", "weitergeleitet", "ganz innen", "c@x.example"):
        assert word in found.text
    assert "<p>" not in found.text
    mail.add_attachment(protected_office(), maintype="application", subtype="msword", filename="geheim.docx")
    found = files.extract(bytes(mail))
    assert found.reason == "INSIDE" and "drinnen" in found.text and "geheim.docx" in found.text


HOSTILE = {
    "zip bomb": (packed({"word/document.xml": b"<w>" + b" " * 80_000_000 + b"</w>"}), "EXPANDS"),
    "text bomb": (packed({"word/document.xml": b"<t>" + b"a" * 80_000_000 + b"</t>"}), "PART"),
    "billion laughs": (packed({"word/document.xml": (
        '<!DOCTYPE l [<!ENTITY a "' + "ha" * 99 + '">'
        + "".join(f'<!ENTITY a{n} "{f"&a{n - 1 or str()};" * 20}">' for n in range(1, 9)) + "]><w><t>&a8;</t></w>"
    )}), "DOCTYPE"),
    "deep XML": (packed({"content.xml": b"<p>" * 1_000_000}), "DAMAGED"),
    "one endless tag": (packed({"ppt/presentation.xml": "", "ppt/slides/slide1.xml": b"<a b='" + b"x" * 9_000_000}),
                        "DAMAGED"),
    "a million rows": (xlsx(WORD, 1_000_000), "PART"),
    "mails in mails": (forwarded(20, WORD), "INSIDE"),
    "mails without end": (forwarded(1200, WORD), ""),
    "page tree": (page_tree(1_000_000), "PAGES"),
    "pages without text": (page_tree(40), "NO_TEXT"),
    "protected PDF": (PROTECTED_PDF, "PASSWORD"),
    "protected DOCX": (protected_office(), "PASSWORD"),
    "protected ODT": (odf("x", manifest="<m><encryption-data/></m>"), "PASSWORD"),
    "broken ZIP": (b"PK\3\4 word/document.xml", "DAMAGED"),
    "broken PDF": (b"%PDF-1.7\nnothing", "DAMAGED"),
    "any ZIP": (packed({"Vertrag Müller.pdf": b"x"}), "NAMES"),
    "a program": (b"MZ" + bytes(range(256)) * 20, "KIND"),
    "braces": (rb"{\rtf1 " + b"{" * 1_000_000, ""),
    "tags": (b"<html>" + b"<div>" * 3_000_000, "PART"),
    "long text": (b"Hallo Welt " * 5_000_000, "PART"),
    "too large": (b"x" * (MAX_FILE_OCTETS + 1), "TOO_LARGE"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_cost_what_they_may(files: FileParser, name: str) -> None:
    """Bombs of every kind: an answer with its reason, the child within its memory, words that were read are kept."""
    octets, reason = HOSTILE[name]
    found = files.extract(octets)
    assert found.reason == reason, found.text[:200]
    assert len(found.text) <= MAX_CHARACTERS
    if name in ("a million rows", "any ZIP"):
        assert "Umsatz" in found.text or "Müller" in found.text
    child = files._child
    if child is not None:
        assert psutil.Process(child.pid).memory_info().vms <= extract_child.MEMORY_OCTETS


ENDLESS = """
from postbuch.archive import extract_child, extract_read
extract_child.MAX_CPU_S = 0
def loop(octets):
    while True:
        pass
extract_read.read = loop
print(extract_child.OPERATIONS[6](b"", 0))
"""


def test_the_kernel_ends_what_looks_at_no_clock() -> None:
    """A child that computes without end is ended after its processor time, whatever it computes."""
    done = subprocess.run([sys.executable, "-c", ENDLESS], capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGXCPU, done.stderr


def test_a_child_that_hangs_or_dies_costs_one_file() -> None:
    """Stopped, it is replaced after its time; killed, at once."""
    with FileParser(time_limit_s=1) as files:
        for sign in (signal.SIGSTOP, signal.SIGKILL):
            assert files.extract(b"x").text == "x"
            child = files._child
            assert child is not None
            os.kill(child.pid, sign)
            assert files.extract(b"Hallo " * 1_000_000).reason in ("TOO_MUCH", "PART")
            assert files.extract(b"y").text == "y"


def test_a_child_killed_at_work_costs_no_file() -> None:
    """What it was at is read by the next one: whoever killed it, it was not the file."""
    octets, reason = HOSTILE["tags"]
    with FileParser() as files:
        files.extract(b"x")
        child = files._child
        assert child is not None
        killer = threading.Timer(0.1, child.kill)
        killer.start()
        found = files.extract(octets)
        killer.join()
        assert child.wait(10) == -signal.SIGKILL and found.reason == reason


def test_a_file_that_takes_too_much_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that the kernel ended after its processor time was at a file that would end the next one, too."""
    start, children = subprocess.Popen, []

    def popen(_command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        children.append(start([sys.executable, "-I", "-c", "import os; os.kill(os.getpid(), 24)"], **options))
        return children[-1]

    monkeypatch.setattr("postbuch.archive.parser.subprocess.Popen", popen)
    with FileParser() as files:
        assert files.extract(b"x").reason == "TOO_MUCH"
    assert len(children) == 1


def test_the_clock_gives_more_than_the_processor() -> None:
    """Whether a file is too much is for the child to say, and not how busy the machine was: it is said once for all."""
    with FileParser() as files:
        assert files._time_limit_s > 2 * MAX_CPU_S + 1


def test_pictures_are_drawn_small(files: FileParser) -> None:
    """JPEG of at most 320 pixels, from what is a picture or a PDF; a bomb of pixels and a text are not drawn."""
    stream = io.BytesIO()
    Image.new("RGBA", (1000, 500), (255, 0, 0, 128)).save(stream, "PNG")
    for octets, size in ((stream.getvalue(), (320, 160)), (pdf(), (226, 320))):
        drawn = files.draw(octets)
        assert drawn is not None
        assert Image.open(io.BytesIO(drawn)).size == pytest.approx(size, abs=1)
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    for octets in (bomb.getvalue(), b"Hallo", docx("x"), page_tree(0), b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(50)):
        assert files.draw(octets) is None


def test_every_attachment_of_the_corpus_is_read_or_says_why(tmp_path: Path) -> None:
    """The whole corpus through the job: one row for each file, no file lost, each that was given up with its reason."""
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        paths = [path for path in corpus_files() if path.is_file()]
        for start in range(0, len(paths), 100):
            work.ingest([message_record(path.read_bytes()) for path in paths[start : start + 100]])
        job = ExtractWork(config, engine)
        try:
            while job.waiting != 0:
                assert job.look() == ""
                child = job._files._child
                if child is not None:
                    assert psutil.Process(child.pid).memory_info().vms <= extract_child.MEMORY_OCTETS
        finally:
            job.close()
        with engine.connect() as conn:
            wanted = set(conn.scalars(select(part.c.sha256).distinct().where(part.c.is_attachment)))
            found = {row.sha256: row for row in conn.execute(select(object_text))}
            sentences = {row.reason for row in found.values()}
        assert set(found) == wanted and len(wanted) >= 290
        assert sentences <= {"", *map(sentence, Unsearched.__members__)} - {sentence("GONE")}
        assert sum(row.characters > 0 for row in found.values()) > 200
        bomb = (corpus_folder() / "bombs" / "zip-bomb.eml").read_bytes()
        for each in mime.take_apart(bomb).parts:
            if each.is_attachment:
                assert files_reason(engine, each.payload)


def files_reason(engine: Engine, payload: bytes) -> str:
    """The sentence that the page shows beside a file."""
    with engine.connect() as conn:
        found = extract_text.text_of(conn, hashlib.sha256(payload).digest())
    assert found is not None
    return found.reason


def test_killed_at_any_moment_it_goes_on(tmp_path: Path) -> None:
    """The children killed again and again, the job ended and begun anew: each file has its row, once."""
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        mails = [
            mail_with({f"{n}.txt": b"Wort %d " % n * 500, "a.docx": docx(f"Brief {n}")}, f"m{n}") for n in range(60)
        ]
        mails.append(b"From: a@x.example\r\nContent-Type: text/plain; name=n.txt\r\nContent-Disposition: attachment\r\n"
                     b"\r\nim Skelett geblieben\r\n")
        work.ingest([message_record(octets) for octets in mails])
        stop = threading.Event()
        for _ in range(5):
            stop.clear()
            job = ExtractWork(config, engine, stop.is_set)
            timer = threading.Timer(0.25, stop.set)
            timer.start()
            while not stop.is_set():
                job.look()
                child = job._files._child
                if child is not None and child.poll() is None:
                    os.kill(child.pid, signal.SIGKILL)
            timer.join()
            job.close()
        read_files(config, engine)
        with engine.connect() as conn:
            assert conn.scalar(select(func.count()).select_from(object_text)) == 121
            assert conn.scalar(select(func.count()).where(object_text.c.reason == "")) == 121
            texts = list(conn.scalars(select(object_text.c.text)))
        assert "im Skelett geblieben" in texts and "Brief 59" in "".join(texts)
