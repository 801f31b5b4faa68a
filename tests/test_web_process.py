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
from pathlib import Path

import pytest
from web_archive import application, archive

from postbuch.archive.config import Config
from postbuch.certs import authority
from postbuch.webmail import assets
from provider.ports import accepts, free_port, wait_until

# So that nothing hangs for ever; a machine that does something else may take half a minute for a start.
END_S = 120


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


def start(file: Path) -> "subprocess.Popen[str]":
    """The process."""
    command = [sys.executable, "-m", "postbuch.cli.main", "run", "webmail", "--config", str(file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_it_serves_over_tls_bounds_requests_and_ends_in_order(config: tuple[Config, Path]) -> None:
    """TLS that our CA vouches for, a __Host- cookie, no large bodies, a health file; SIGTERM ends it with 0."""
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
            # Nobody fills the disk: a body larger than any form of ours is broken off.
            with socket.create_connection(("127.0.0.1", port), 10) as raw, context.wrap_socket(
                raw, server_hostname="localhost"
            ) as tls:
                tls.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
                assert tls.recv(100) == b""
            health = json.loads((made.data / "run" / "webmail.json").read_text(encoding="utf-8"))
            assert health["listeners"] == [{"name": "web", "address": f"127.0.0.1:{port}"}]
            second = start(file)
            assert second.wait(END_S) == 3
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
