"""The attachments by FTPS, with real clients against `postbuch up`: who sees what, on record, and nothing else."""

import contextlib
import ftplib
import hashlib
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from conftest import MakeConfig
from ftps_house import (
    ANNA,
    AT,
    AUDITOR,
    BERND,
    CARLA,
    DAY,
    EVA,
    FRANK,
    LARGE,
    PASSWORD,
    REPORT,
    FtpsHouse,
    fill,
    message,
    with_ftps,
)
from sqlalchemy import Connection, event
from web_archive import Filling, ingest

from postbuch.archive import config as configuration
from postbuch.archive import database, departments, users
from postbuch.archive.config import Config, Ftps
from postbuch.archive.database import Role
from postbuch.archive.errors import ConfigError, ServiceMissing
from postbuch.archive.objects import ObjectStore
from postbuch.certs import authority
from postbuch.cli import preflight
from postbuch.webmail.ftps_visit import Visit
from provider.instance import Postbuch
from provider.ports import wait_until

ANNA_PASSWORD = "geheim-anna"
GONE = "There is no such file or folder"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, make_config: MakeConfig) -> Iterator[FtpsHouse]:
    """One for all tests; Anna's password is the one of the provider."""
    file = make_config(tmp_path_factory.mktemp("ftps"))
    port = with_ftps(file)
    postbuch = Postbuch(file)
    postbuch.initialise()
    with postbuch:
        fill(postbuch)
        yield FtpsHouse(postbuch=postbuch, port=port)


def test_the_tree_is_the_one_in_the_data_folder(house: FtpsHouse) -> None:
    """Folders, names and octets (invariant 1), for one who reads everything; names with umlauts and repeats too."""
    with house.client(AUDITOR) as client:
        found = client.tree()
        assert client.names("/") == ["2023", "2024", "2025"]
    assert found == house.disk()
    assert {path.rpartition("-")[2] for path in found} >= {"Rechnung März.pdf", "plan.txt"}
    assert hashlib.sha256(REPORT).hexdigest() in found.values()


def test_one_sees_what_he_may_read_and_nothing_tells_the_rest(house: FtpsHouse) -> None:
    """The mail password; one's own copy of a letter; a colleague's file answers like one that does not exist."""
    with house.client(ANNA, ANNA_PASSWORD) as client:
        assert set(client.tree()) == {path for path in house.disk() if f"/{ANNA}/" in path}
        foreign = next(path for path in house.disk() if path.endswith("geheim.txt"))
        nowhere = f"{foreign.rpartition('/')[0]}/999999-geheim.txt"
        for command in ("RETR", "SIZE", "MDTM", "MLST", "CWD", "LIST", "NLST"):
            answers = []
            hidden = (foreign, nowhere, f"{DAY}/{BERND}", f"{DAY}/niemand", f"{DAY}/{ANNA}/0-x", "/2025/02", "/x\x01")
            for path in hidden:
                if command in ("RETR", "LIST", "NLST"):
                    client.sendcmd("PASV")
                with pytest.raises(ftplib.error_perm) as caught:
                    client.sendcmd(f"{command} {path}")
                answers.append(str(caught.value))
            assert answers == [f"550 {GONE}."] * 7, command
    number = foreign.rpartition("/")[2].partition("-")[0]
    refused = house.events(actor=ANNA, action="refused")
    assert {(each.target, each.origin) for each in refused} == {
        (f"letter {number}", "127.0.0.1"), ("letter 999999", "127.0.0.1"), ("letter 0", "127.0.0.1"),
        ("attachments", "127.0.0.1"),
    }  # fmt: skip


def test_departments_and_roles_count_as_in_the_web(house: FtpsHouse) -> None:
    """Bernd's department reads Carla; an admin without a grant reads nothing."""
    with house.client(BERND) as client:
        assert client.names("/") == ["2023", "2024", "2025"]
        assert client.names("/2023/12/31") == [CARLA]
        assert client.names(DAY) == [BERND]
    with house.client(FRANK) as client:
        assert client.names("/") == []


def test_a_file_comes_as_it_was_and_is_on_record_first(house: FtpsHouse) -> None:
    """Any type of transfer, from any place; the record names letter, message and part (invariants 1 and 9)."""
    with house.client(BERND) as client:
        client.cwd(f"{DAY}/{BERND}")
        name = next(name for name in client.nlst() if name.endswith("geheim.txt"))
        before = len(house.events(actor=BERND, action="download"))
        # The data connection is not opened: the record is there before it could be.
        client.sendcmd("PASV")
        assert client.sendcmd(f"RETR {name}").startswith("150")
        events = house.events(actor=BERND, action="download")
        assert len(events) == before + 1
        assert events[0].target == f"letter {name.partition('-')[0]}" and events[0].origin == "127.0.0.1"
        assert '"part": 1' in events[0].after_value and '"image": "' in events[0].after_value
        client.sendcmd("PASV")
        client.voidcmd("TYPE A")
        assert client.fetch(name) == b"line\nline\n"
    with house.client(ANNA, ANNA_PASSWORD) as client:
        client.cwd(f"{DAY}/{ANNA}")
        name = next(name for name in client.nlst() if name.endswith("report.bin"))
        assert client.size(name) == len(REPORT)
        assert client.fetch(name, rest=100_001) == REPORT[100_001:]
        assert client.sendcmd(f"MDTM {name}") == f"213 {AT:%Y%m%d%H%M%S}"
        with pytest.raises(ftplib.error_perm, match="554"):
            client.fetch(name, rest=len(REPORT) + 1)
        lines: list[str] = []
        client.retrlines("LIST", lines.append)
        assert any(line.startswith("-r--r--r--") and line.endswith(name) and str(len(REPORT)) in line for line in lines)
        assert client.pwd() == f"{DAY}/{ANNA}"
        bill = next(name for name in client.nlst() if name.endswith("März.pdf"))
        assert client.fetch(bill.replace("ä", "a\u0308")) == b"%PDF eins"
        assert {"UTF8", "AUTH TLS", "SIZE", "MDTM", "REST STREAM"} <= {
            line.strip() for line in client.sendcmd("FEAT").splitlines()
        }  # fmt: skip


def test_a_folder_is_on_record_once_a_session(house: FtpsHouse) -> None:
    """With its path; looking at a file's size in it counts as looking at it."""
    with house.client(BERND) as client:
        before = len(house.events(actor=BERND, action="list"))
        for _ in range(3):
            client.names(f"{DAY}/{BERND}")
        new = house.events(actor=BERND, action="list")[: -before or None]
        assert [each.target for each in new] == [f"attachments{DAY}/{BERND}"]
        client.quit()
    # Written after the answer to QUIT.
    wait_until(lambda: bool(house.events(actor=BERND, action="log-out", target="ftps")), "the log-out on record")
    assert house.events(actor=BERND, action="log-in", target="ftps")


def test_a_folder_whose_record_was_lost_is_on_record_the_next_time(house: FtpsHouse) -> None:
    """Invariant 9: when the database is lost before the commit, nothing was shown, and nothing counts as shown."""
    config = house.postbuch.config
    engine = database.engine(config, Role.WEB)
    with engine.connect() as conn:
        user = users.find_user(conn, BERND)
    assert user is not None
    visit, losses = Visit(engine, ObjectStore(config.data), user, "192.0.2.77"), ["one"]

    @event.listens_for(engine, "commit")
    def lose(conn: Connection) -> None:
        if losses:
            losses.pop()
            conn.exec_driver_sql("KILL CONNECTION_ID()")

    with pytest.raises(ServiceMissing):
        visit.listing(f"{DAY}/{BERND}")
    assert not house.events(origin="192.0.2.77")
    assert list(visit.listing(f"{DAY}/{BERND}"))
    assert [each.action for each in house.events(origin="192.0.2.77")] == ["list"]
    engine.dispose()


def test_curl_lists_and_fetches(house: FtpsHouse) -> None:
    """A client that was not written for us, with TLS on both connections."""
    url = f"ftp://localhost:{house.port}{DAY}/{ANNA}/"
    words = ["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", str(house.postbuch.ca_file)]
    words += ["--user", f"{ANNA}:{ANNA_PASSWORD}"]
    listed = subprocess.run([*words, "--list-only", url], capture_output=True, text=True, check=True).stdout
    name = next(line for line in listed.splitlines() if line.endswith("report.bin"))
    assert subprocess.run([*words, url + name], capture_output=True, check=True).stdout == REPORT


def test_nothing_can_be_changed(house: FtpsHouse) -> None:
    """Every command that writes is refused, and SITE with all that it could be; the tree stays as it was."""
    disk = house.disk()
    path = next(path for path in disk if f"/{BERND}/" in path)
    with house.client(BERND) as client:
        for line in (
            f"STOR {path}", f"APPE {path}", "STOU", f"DELE {path}", f"RNFR {path}", "RNTO /x", "MKD /x", f"RMD {DAY}",
            f"SITE CHMOD 777 {path}", "SITE EXEC id", f"MFMT 20200101000000 {path}", "XMKD /x", "XRMD /x", "ALLO 1",
        ):  # fmt: skip
            with pytest.raises(ftplib.error_perm, match="550 Nothing can be changed here"):
                client.sendcmd(line)
        for line in ("REIN", "HASH x", "../../etc/passwd"):
            with pytest.raises(ftplib.error_perm, match="500"):
                client.sendcmd(line)
        for way_out in ("../../../../etc/passwd", "/../../etc/passwd", "//etc/passwd", f"{DAY}/../../../etc/passwd"):
            with pytest.raises(ftplib.error_perm, match=GONE):
                client.fetch(way_out)
        client.cwd("/../..")
        assert client.pwd() == "/"
    assert house.disk() == disk


def test_nothing_goes_without_tls(house: FtpsHouse) -> None:
    """No log-in, no data connection; what was written before TLS is not taken for what comes in it."""
    with house.plain() as client:
        for line in (f"USER {ANNA}", "PASS x"):
            with pytest.raises(ftplib.error_perm, match="TLS required"):
                client.sendcmd(line)
    with house.plain() as client:
        assert isinstance(client.sock, socket.socket)
        client.sock.sendall(b"AUTH TLS\r\nUSER smuggled@firma.example\r\n")
        assert client.getresp().startswith("234")
        client.sock = house.trust.wrap_socket(client.sock, server_hostname="localhost")
        client.file = client.sock.makefile("r", encoding="utf-8")
        assert client.sendcmd("PBSZ 0").startswith("200")
        with pytest.raises(ftplib.error_perm, match="503"):
            client.sendcmd("PASS x")
    with house.plain() as client:
        client.login(BERND, PASSWORD)
        with pytest.raises(ftplib.error_perm, match="TLS required"):
            client.sendcmd("PASV")
        client.prot_p()
        assert client.sendcmd("PASV").startswith("227")
        with pytest.raises(ftplib.error_perm, match="534"):
            client.sendcmd("PROT C")


def test_a_data_connection_is_the_client_s_own(house: FtpsHouse) -> None:
    """No foreign address, no low port; who comes first to the open port without the session's ticket gets nothing."""
    with house.client(ANNA, ANNA_PASSWORD) as client:
        for line in ("PORT 192,0,2,7,200,1", "EPRT |1|192.0.2.7|51201|", "PORT 127,0,0,1,0,22"):
            with pytest.raises(ftplib.error_perm, match="501"):
                client.sendcmd(line)
        client.cwd(f"{DAY}/{ANNA}")
        name = next(name for name in client.nlst() if name.endswith("report.bin"))
        host, port = client.makepasv()
        thief = house.trust.wrap_socket(socket.create_connection((host, port)), server_hostname="localhost")
        with thief:
            client.putcmd(f"RETR {name}")
            assert thief.recv(1) == b""
        replies = [client.getmultiline()]
        if replies[0].startswith("150"):  # the command came before the end of the thief's handshake
            replies.append(client.getmultiline())
        assert replies[-1].startswith("522")
        client.set_pasv(False)
        assert client.fetch(name) == REPORT
        client.set_pasv(True)
        client.resumes = False
        with pytest.raises(ftplib.all_errors):
            client.fetch(name)


def test_a_ticket_of_another_client_opens_nothing(house: FtpsHouse) -> None:
    """A colleague who is logged in himself cannot take a data connection with the ticket of his own session."""
    with house.client(ANNA, ANNA_PASSWORD) as victim, house.client(BERND) as thief:
        victim.cwd(f"{DAY}/{ANNA}")
        name = next(name for name in victim.nlst() if name.endswith("report.bin"))
        host, port = victim.makepasv()
        thief.names("/")
        assert isinstance(thief.sock, ssl.SSLSocket)
        own = thief.sock.session
        plain = socket.create_connection((host, port))
        with thief.context.wrap_socket(plain, server_hostname="localhost", session=own) as stolen:
            assert not stolen.session_reused
            victim.putcmd(f"RETR {name}")
            assert stolen.recv(1) == b""


def test_guessing_is_stopped_by_name_and_three_tries_end_the_connection(house: FtpsHouse) -> None:
    """As at the web's log-in: ten wrong ones a minute, then the right one is not asked either."""
    def guess(_number: int) -> str:
        with house.plain() as client, pytest.raises(ftplib.error_perm) as caught:
            client.login(EVA, "wrong")
        return str(caught.value)

    with house.plain() as client:
        for _ in range(3):
            with pytest.raises(ftplib.error_perm, match="530 The address or the password is wrong"):
                client.login(EVA, "wrong")
        with pytest.raises(EOFError):
            client.sendcmd("NOOP")
    with ThreadPoolExecutor(7) as pool:
        assert {answer[:3] for answer in pool.map(guess, range(7))} == {"530"}
    with house.plain() as client, pytest.raises(ftplib.error_perm, match="too many attempts"):
        client.login(EVA, PASSWORD)
    refused = house.events(actor=EVA, action="log-in-refused")
    assert len(refused) == 10 and {each.target for each in refused} == {"ftps"}


def test_a_right_that_ends_ends_in_an_open_session(house: FtpsHouse) -> None:
    """With the next command; a file on its way stops; who is shut out is cut off while he does nothing."""
    with house.client(BERND) as client:
        assert client.names("/2023/12/31") == [CARLA]
        _department(house, remove_members=[BERND])
        with pytest.raises(ftplib.error_perm):
            client.names("/2023/12/31")
        _department(house, add_members=[BERND])
        assert client.names("/2023/12/31") == [CARLA]
        name = client.names(f"/2024/02/29/{CARLA}")[0]
        with client.transfercmd(f"RETR /2024/02/29/{CARLA}/{name}") as data:
            assert data.recv(1)
            _department(house, remove_members=[BERND])
            # The client takes nothing, so that most of the file is still to be sent.
            with pytest.raises(ftplib.error_temp, match="421 You were logged out"):
                client.voidresp()
            assert _rest(data) < LARGE - 1
        _department(house, add_members=[BERND])
    with house.client(BERND) as client:
        with database.connection(house.postbuch.config, Role.OWNER) as conn:
            users.set_user(conn, BERND, active=False)
        try:
            with pytest.raises(ftplib.error_temp, match="421 You were logged out"):
                client.voidresp()
            with pytest.raises(EOFError):
                client.voidresp()
            with house.plain() as again, pytest.raises(ftplib.error_perm, match="530"):
                again.login(BERND, PASSWORD)
        finally:
            with database.connection(house.postbuch.config, Role.OWNER) as conn:
                users.set_user(conn, BERND, active=True)


def test_a_damaged_file_is_not_given_out(house: FtpsHouse) -> None:
    """Changed or gone on the disk: 550 with a sentence; that it was asked for is on record."""
    disk = house.disk()
    path = next(path for path in disk if path.endswith("alt.txt"))
    stored = house.postbuch.data / "objects" / disk[path][:2] / disk[path][2:4] / disk[path]
    kept = stored.read_bytes()
    with house.client(AUDITOR) as client:
        before = len(house.events(actor=AUDITOR, action="download"))
        stored.chmod(0o640)
        try:
            stored.write_bytes(b"Old")
            with pytest.raises(ftplib.error_perm, match="550 The file is damaged"):
                client.fetch(path)
            stored.rename(stored.with_suffix(".away"))
            with pytest.raises(ftplib.error_perm, match="550 The file is damaged"):
                client.fetch(path)
            stored.with_suffix(".away").rename(stored)
        finally:
            stored.write_bytes(kept)
        assert client.fetch(path) == b"old"
        assert len(house.events(actor=AUDITOR, action="download")) == before + 3


def test_a_folder_of_many_letters_comes_whole(house: FtpsHouse) -> None:
    """Over several pages, all letters of one moment: each file once; to the first, to the last."""
    at, many = datetime(2022, 5, 6, 7, 8, 9, tzinfo=UTC), 1_250
    filling = Filling()
    for number in range(many):
        filling.add(message(f"viele{number}", (f"{number}.txt", b"x%d" % number)), CARLA, at=at)
    ingest(house.postbuch.config, filling.records)
    with house.client(AUDITOR) as client:
        names = client.names(f"/2022/05/06/{CARLA}")
        assert len(names) == len(set(names)) == many
        assert sorted(int(name.rpartition("-")[2].removesuffix(".txt")) for name in names) == list(range(many))
        assert client.nlst(f"/2022/05/06/{CARLA}") == names
        assert client.fetch(f"/2022/05/06/{CARLA}/{names[-1]}").startswith(b"x")


def test_a_renewed_certificate_serves_the_next_session(house: FtpsHouse) -> None:
    """Without a restart; a session that stands goes on, with data connections of its own certificate."""
    with house.client(AUDITOR) as client:
        before = _serial(client)
        assert authority.renew_if_due(house.postbuch.data, ["localhost", "127.0.0.1", "dateien.firma.example"])
        with house.client(AUDITOR) as other:
            assert _serial(other) != before
            assert other.names("/")
        assert client.names("/")


def test_status_and_doctor_know_it(house: FtpsHouse) -> None:
    """As one of the listeners and processes."""
    found = house.postbuch.status()
    assert {"name": "ftps", "address": f"127.0.0.1:{house.port}"} in found["listeners"]
    assert found["processes"]["ftps"] is True
    looked = json.loads(house.postbuch.command("doctor", "--json"))
    assert any("ftps.listen" in each["name"] and each["ok"] for each in looked["checks"])


def test_what_is_being_sent_at_the_end_is_sent(house: FtpsHouse) -> None:
    """SIGTERM: no new connection, the file to its end, and then the process has gone before it would be killed."""
    process = house.postbuch.child("ftps")
    assert process is not None
    with house.client(AUDITOR) as client, house.client(AUDITOR) as idle:
        name = client.names(f"/2024/02/29/{CARLA}")[0]
        with client.transfercmd(f"RETR /2024/02/29/{CARLA}/{name}") as data:
            assert data.recv(1)
            process.terminate()
            _wait_until_refused(house.port)
            assert _rest(data) == LARGE - 1
        assert client.voidresp().startswith("226")
        with contextlib.suppress(psutil.NoSuchProcess):
            process.wait(12)
        with pytest.raises((EOFError, OSError)):
            idle.voidcmd("NOOP")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('listen = "21"', "the key 'ftps.listen': '21' is not of the form host:port"),
        ('passive_ports = "50100-50000"', "the key 'ftps.passive_ports': '50100-50000' is not a range of ports"),
        ('passive_ports = "1-70000"', "the key 'ftps.passive_ports'"),
        ('public_address = "a.example"', "the key 'ftps.public_address': 'a.example' is not an IPv4 address"),
        ("anonymous = true", "the key 'ftps.anonymous' is unknown"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    """One sentence, exit code 2 by its kind."""
    file = tmp_path / "postbuch.toml"
    file.write_text(f"[ftps]\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        configuration.load(file)
    assert sentence in str(caught.value) and caught.value.exit_code == 2


def test_it_is_off_by_default_and_its_port_is_looked_at(tmp_path: Path) -> None:
    """No listener without the key; a port in use is named with it."""
    assert all(each.key != "ftps.listen" for each in preflight.listeners(Config()))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = f"127.0.0.1:{taken.getsockname()[1]}"
        ftps = next(each for each in preflight.listeners(Config(ftps=Ftps(listen=text))) if each.key == "ftps.listen")
        assert "in use" in (preflight.port_fault(ftps) or "")
    file = tmp_path / "postbuch.toml"
    file.write_text('data_dir = "data"\n')
    words = [sys.executable, "-m", "postbuch.cli.main", "run", "ftps", "--config", str(file)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2 and "ftps.listen" in done.stderr


def _department(house: FtpsHouse, **change: list[str]) -> None:
    with database.connection(house.postbuch.config, Role.OWNER) as conn:
        departments.change(conn, "Einkauf", by="test", **change)


def _rest(data: socket.socket) -> int:
    """How many octets come until the end."""
    got = 0
    with contextlib.suppress(OSError):
        while more := data.recv(1 << 16):
            got += len(more)
    return got


def _serial(client: ftplib.FTP_TLS) -> str:
    assert isinstance(client.sock, ssl.SSLSocket)
    return str((client.sock.getpeercert() or {})["serialNumber"])


def _wait_until_refused(port: int) -> None:
    """Return when nobody listens there any more."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            return
        except OSError:
            continue
    raise AssertionError("it still listens")
