"""The webmail process as the supervisor runs it: TLS, strict cookies, bounded requests, an orderly end."""

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import pytest
from web_archive import application, archive

from postbuch.archive.config import Config
from postbuch.certs import authority
from postbuch.webmail import assets
from postbuch.webmail.requests import MAX_FORM_OCTETS
from provider.ports import accepts, free_port, wait_until

# So that nothing hangs for ever; a machine that does something else may take half a minute for a start.
START_S = 120
END_S = 30  # what `postbuch up` promises for all of it
HOST = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
# What is no request, or none that can be taken: nobody gets as far as a page.
BROKEN = {
    "no words": b"nonsense\r\n\r\n", "octets of TLS": b"\x16\x03\x01\x02\r\n\r\n", "no version": b"GET /login\r\n\r\n",
    "another version": b"GET /login HTTP/9.9\r\n\r\n", "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "octets in the method": b"G\xffT /login" + HOST + b"\r\n", "octets in the path": b"GET /\xff" + HOST + b"\r\n",
    "no colon": b"GET /login" + HOST + b"broken\r\nbroken\r\n\r\n", "NUL": b"GET /login" + HOST + b"X: a\x00b\r\n\r\n",
    "a long address": b"GET /?q=" + b"x" * 20_000 + HOST + b"\r\n",
    "a long field": b"GET /login" + HOST + b"X: " + b"x" * 20_000 + b"\r\n\r\n",
    "long fields": b"GET /login" + HOST + (b"X: " + b"x" * 2_000 + b"\r\n") * 10 + b"\r\n",
    "many fields": b"GET /login" + HOST + b"X: x\r\n" * 1_000 + b"\r\n",
    "a length in words": b"POST /login" + HOST + b"Content-Length: abc\r\n\r\n",
    "a length below 0": b"POST /login" + HOST + b"Content-Length: -1\r\n\r\n",
    "a length without end": b"POST /login" + HOST + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n",
    "two lengths": b"POST /login" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "a coding": b"POST /login" + HOST + b"Transfer-Encoding: gzip\r\n\r\n",
    "a star": b"GET *" + HOST + b"\r\n", "all options": b"OPTIONS *" + HOST + b"\r\n",
    "a name": b"GET login" + HOST + b"\r\n", "another protocol": b"GET ftp://localhost/login" + HOST + b"\r\n",
    "a user": b"GET https://anna@localhost/login" + HOST + b"\r\n",
    "a tunnel": b"CONNECT localhost:443" + HOST + b"\r\n",
    "no chunks": b"POST /login" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}
# What Flask gets, and has a page for.
PART = b"--x\r\nContent-Disposition: form-data%b\r\n\r\na\r\n--x--\r\n"
ODD = {
    "no boundary": (b"multipart/form-data", PART % b'; name="a"'),
    "octets as boundary": (b'multipart/form-data; boundary="\xff"', PART % b'; name="a"'),
    "a long boundary": (b"multipart/form-data; boundary=" + b"x" * 300, PART % b'; name="a"'),
    "no end": (b"multipart/form-data; boundary=x", b"--x\r\n\r\n"),
    "a part without a name": (b"multipart/form-data; boundary=x", PART % b""),
    "octets": (b"application/x-www-form-urlencoded", b"login=\xff%ff%00"),
    "no type": (b"\xff/;;;=", b"x"),
}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Path]]:
    """An empty archive with certificates, and its configuration file with a TLS listener."""
    folder = tmp_path_factory.mktemp("process")
    port = free_port()
    with archive(folder / "data", f"127.0.0.1:{port}") as made:
        authority.initialise(made.data, ["localhost", "127.0.0.1"])
        file = folder / "postbuch.toml"
        file.write_text(
            f'data_dir = "{made.data_dir}"\n[web]\nlisten = "127.0.0.1:{port}"\n'
            f'public_url = "https://localhost:{port}"\n',
            encoding="utf-8",
        )
        yield made, file


def start(file: Path, log: IO[str] | None = None) -> "subprocess.Popen[str]":
    """The process. log: where it writes what happens."""
    command = [sys.executable, "-m", "postbuch.cli.main", "run", "webmail", "--config", str(file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)


def test_it_serves_over_tls_and_ends_in_order(config: tuple[Config, Path]) -> None:
    """TLS that our CA vouches for, a __Host- cookie, a health file; SIGTERM ends it with 0."""
    made, file = config
    port = int(made.web.listen.rpartition(":")[2])
    with start(file) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready webmail\n"
            context = ssl.create_default_context(cafile=str(made.data / "tls" / "ca.pem"))
            client = http.client.HTTPSConnection("localhost", port, context=context, timeout=10)
            client.request("GET", "/login")
            answer = client.getresponse()
            assert answer.status == 200
            cookie = answer.headers["Set-Cookie"]
            assert cookie.startswith("__Host-postbuch=")
            assert "Secure" in cookie
            answer.read()
            health = json.loads((made.data / "run" / "webmail.json").read_text(encoding="utf-8"))
            assert health["listeners"] == [{"name": "web", "address": f"127.0.0.1:{port}"}]
            second = start(file)
            assert second.wait(START_S) == 3
            assert second.stdout is not None
            second.stdout.close()
            client.close()
        finally:
            process.terminate()
        assert process.wait(END_S) == 0
    wait_until(lambda: not accepts(port), "the end of the listener")
    assert not (made.data / "run" / "webmail.json").exists()


def test_an_update_takes_no_style_from_a_process_that_runs(
    config: tuple[Config, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that its pages name are gone from the folder, with the list of them, and others are there."""
    folder = tmp_path / "dist"
    shutil.copytree(assets.FOLDER, folder)
    monkeypatch.setattr(assets, "FOLDER", folder)
    kept = (assets.manifest, assets._files, assets._icon)
    for each in kept:
        each.cache_clear()
    try:
        with application(config[0]) as app:
            client = app.test_client()
            before = set(re.findall(r'"(/static/[^"#]+)', client.get("/login").text))
            assert len(before) >= 3
            shutil.rmtree(folder)
            folder.mkdir()
            (folder / "manifest.json").write_text('{"app.css": "app-0.css"}', encoding="utf-8")
            assert set(re.findall(r'"(/static/[^"#]+)', client.get("/login").text)) == before
            for address in before:
                answer = client.get(address)
                assert (answer.status_code, answer.headers["Cache-Control"]) == (
                    200, "public, max-age=31536000, immutable"
                ), address
                assert len(answer.data) > 100
            assert {client.get(each).mimetype for each in before} >= {"text/css", "text/javascript", "image/svg+xml"}
            assert client.get("/static/app-0.css").status_code == 404
    finally:
        for each in kept:
            each.cache_clear()


def test_what_is_no_request_gets_a_plain_400(config: tuple[Config, Path], tmp_path: Path) -> None:
    """In our headers, once, with nothing about the server; what is one gets a page of ours; nothing is a fault."""
    made, file = config
    context = ssl.create_default_context(cafile=str(made.data / "tls" / "ca.pem"))
    port = int(made.web.listen.rpartition(":")[2])

    def answer(octets: bytes) -> tuple[int, str, bytes]:
        with socket.create_connection(("127.0.0.1", port), 10) as raw, context.wrap_socket(
            raw, server_hostname="localhost"
        ) as tls:
            tls.sendall(octets)
            head, _, body = b"".join(iter(lambda: tls.recv(65_536), b"")).partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode("ascii").lower(), body

    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as stream, start(file, stream) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready webmail\n"
            found = {name: answer(octets) for name, octets in BROKEN.items()}
            assert {name: (code, body) for name, (code, _, body) in found.items()} == dict.fromkeys(BROKEN, (400, b""))
            for name, (kind, body) in ODD.items():
                fields = b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
                found[name] = answer(b"POST /login" + HOST + fields + body)
                assert found[name][0] == 400 and b"<h1" in found[name][2], name
            for name, target in {"whole": b"HTTPS://localhost/login", "arguments": b"https://localhost?next=x"}.items():
                found[name] = answer(b"GET " + target + HOST.replace(b"localhost", b"other.example") + b"\r\n")
            assert (found["whole"][0], found["arguments"][0]) == (200, 302) and b'id="login"' in found["whole"][2]
            assert "other.example" not in found["arguments"][1] and "/login?next=" in found["arguments"][1]
            found["an unknown method"] = answer(b"BREW /login" + HOST + b"\r\n")
            assert found["an unknown method"][0] == 405 and b"<h1" in found["an unknown method"][2]
        finally:
            process.terminate()
        assert process.wait(END_S) == 0
    for name, (_, head, _) in found.items():
        assert "server:" not in head and "twisted" not in head, name
        for field in ("content-security-policy: default-src 'none'", "x-content-type-options: nosniff", "no-store"):
            assert field in head, (name, field)
    text = log.read_text(encoding="utf-8")
    assert "Traceback" not in text and "page-failed" not in text, text


def test_a_body_in_chunks_is_read_like_any_other(config: tuple[Config, Path]) -> None:
    """Programs send one when they do not know its length beforehand."""
    made, file = config
    context = ssl.create_default_context(cafile=str(made.data / "tls" / "ca.pem"))
    port = int(made.web.listen.rpartition(":")[2])
    client = http.client.HTTPSConnection("localhost", port, context=context, timeout=60)
    with closing(client), start(file) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready webmail\n"
            client.request("GET", "/login")
            answer = client.getresponse()
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
            token = re.search(r'name="csrf_token" value="([^"]+)"', answer.read().decode())
            assert token is not None
            fields = {
                "Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded",
                "Referer": f"https://localhost:{port}/login",
            }  # fmt: skip
            pieces = (b"login=an", b"na&password=", b"x&csrf_token=" + token[1].encode())
            client.request("POST", "/login", iter(pieces), fields, encode_chunked=True)
            answer = client.getresponse()
            # What was typed stands in the form again.
            assert (answer.status, 'value="anna"' in answer.read().decode()) == (401, True)
        finally:
            process.terminate()
        assert process.wait(END_S) == 0


def test_what_is_too_large_is_told(config: tuple[Config, Path]) -> None:
    """By a page of ours that names the limit: also to who announces no length, and to who asks whether he may."""
    made, file = config
    context = ssl.create_default_context(cafile=str(made.data / "tls" / "ca.pem"))
    port = int(made.web.listen.rpartition(":")[2])
    more = b"x" * (MAX_FORM_OCTETS + 1)
    asked: dict[str, Any] = {
        "a length": more, "much more": more * 20, "chunks": (more[:60_000] for _ in range(20)),
    }  # fmt: skip
    with start(file) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready webmail\n"
            for name, body in asked.items():
                client = http.client.HTTPSConnection("localhost", port, context=context, timeout=60)
                client.request("POST", "/login", body, {"Accept-Language": "en"})
                answer = client.getresponse()
                text = answer.read().decode()
                assert answer.status == 413, name
                assert "at most 256 KB at once" in text, name
                assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'"), name
                client.close()
            # Nobody fills the disk or holds a connection: what never ends is broken off, and not asked for.
            with socket.create_connection(("127.0.0.1", port), 60) as raw, context.wrap_socket(
                raw, server_hostname="localhost"
            ) as tls:
                tls.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                            b"Content-Length: 99999999999\r\n\r\n")  # fmt: skip
                assert tls.recv(100).startswith(b"HTTP/1.1 413 ")
                with pytest.raises(OSError):
                    while True:
                        tls.sendall(more)
        finally:
            process.terminate()
        assert process.wait(END_S) == 0
