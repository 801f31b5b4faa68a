"""The commands as scripts call them: exit codes, one JSON document, sentences on standard error, no traceback ever."""

import json
import os
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from postbuch.archive import config as configuration
from postbuch.archive import database, index_schema, migrations, schemaversion
from postbuch.archive.health import HealthFile, failure
from postbuch.archive.reasons import Reason
from postbuch.proxy import failure as proxy_failure
from postbuch.proxy.failure import Detail

PASSWORD = "ein langes Geheimnis"


def _postbuch(folder: Path, *words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "postbuch.cli.main", *words],
        cwd=folder, input=stdin, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


def _json(folder: Path, *words: str) -> Any:
    done = _postbuch(folder, *words, "--json")
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def _write_config(folder: Path) -> None:
    (folder / "postbuch.toml").write_text(
        """data_dir = "data"
[imap]
listen = ["127.0.0.1:0"]
[submission]
listen = ["127.0.0.1:0"]
[web]
listen = "http://127.0.0.1:0"
[dns]
enabled = false
[[upstream]]
name = "provider"
domains = ["firma.example"]
imap = "imap://127.0.0.1:9"
submission = "smtp://127.0.0.1:9"
"""
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which `postbuch init` was run; the database stays up, so that commands need not start it."""
    folder = tmp_path_factory.mktemp("house")
    _write_config(folder)
    (folder / "password").write_text(PASSWORD + "\n")
    done = _postbuch(folder, "init", "--admin-email", "Admin@firma.example", "--admin-password-file", "password")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    with database.running(configuration.load(folder / "postbuch.toml")):
        yield folder


def test_init_again_changes_nothing(house: Path) -> None:
    """Harmless when run again: the CA stays, no second admin."""
    before = (house / "data" / "tls" / "ca.pem").read_bytes()
    assert _json(house, "init")["admin_created"] is False
    assert (house / "data" / "tls" / "ca.pem").read_bytes() == before


def test_the_first_admin_may_read_everything(house: Path) -> None:
    """The admin is made with an explicit right on all accounts; the name is in lower case."""
    admin = next(user for user in _json(house, "user", "list") if user["login"] == "admin@firma.example")
    assert admin["role"] == "admin"
    assert admin["accounts"] == "*"


def test_accounts_and_rights(house: Path) -> None:
    """Add an account and a user, grant, revoke, change what is archived."""
    assert _json(house, "account", "add", "Lena@firma.example")["upstream"] == "provider"
    made = _postbuch(house, "user", "add", "lena@firma.example", "--password-file", "-", stdin=PASSWORD)
    assert made.returncode == 0, made.stderr
    grant = ("user", "grant", "lena@firma.example", "--account", "lena@firma.example")
    assert _json(house, *grant)["granted"] is True
    lena = {"login": "lena@firma.example", "accounts": "lena@firma.example"}
    assert any(lena.items() <= user.items() for user in _json(house, "user", "list"))
    assert _json(house, *grant, "--revoke")["granted"] is False
    assert _json(house, "account", "set", "lena@firma.example", "--archive", "none") == {
        "archive": "none", "active": True,
    }  # fmt: skip
    assert any(account["archive"] == "none" for account in _json(house, "account", "list"))


def test_import_search_get_show(house: Path) -> None:
    """One message in by import, found, given out with the same octets, shown with where it was seen."""
    octets = (
        b"From: Klaus <kd@weber.example>\r\nTo: anna@firma.example\r\nSubject: =?utf-8?q?Angebot_f=C3=BCr_Stahl?=\r\n"
        b"Date: Mon, 02 Nov 2026 08:00:00 +0100\r\nMessage-ID: <stahl@weber.example>\r\n\r\nGuten Tag\r\n"
    )
    (house / "one.eml").write_bytes(octets)
    done = _postbuch(house, "import", "one.eml", "--account", "anna@firma.example", "--json")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["sha256"] for line in done.stdout.splitlines()]
    found = _json(house, "search", "from:klaus", "Stahl")
    assert found["total"] == 1
    row = found["results"][0]
    assert row["subject"] == "Angebot für Stahl"
    assert {"id", "sha256", "message_id", "from", "to", "date", "archived_at", "accounts", "mailboxes"} <= set(row)
    for reference in (str(row["id"]), row["sha256"]):
        given = subprocess.run(
            [sys.executable, "-m", "postbuch.cli.main", "get", reference], cwd=house, capture_output=True, check=True
        )
        assert given.stdout == octets
    written = _json(house, "get", str(row["id"]), "--output", "out.eml")
    assert written["sha256"] == row["sha256"]
    assert (house / "out.eml").read_bytes() == octets
    shown = _json(house, "show", str(row["id"]))
    assert shown["sightings"][0]["source"] == "import"
    assert _postbuch(house, "search", "Stahl").stdout.count("Angebot für Stahl") == 1
    assert "Angebot für Stahl" in _postbuch(house, "show", str(row["id"])).stdout


def test_reindex(house: Path) -> None:
    """The index is made, made again beside the one that is read, and knows all letters; the lag says so."""
    octets = b"From: a@b.example\r\nTo: anna@firma.example\r\nSubject: M\xc3\xbcnchen\r\n\r\nOffene Rechnungen\r\n"
    (house / "index.eml").write_bytes(octets)
    assert _postbuch(house, "import", "index.eml", "--account", "anna@firma.example").returncode == 0
    status = _json(house, "status")
    assert status["index_lag"] == status["letters"] > 0
    assert not _json(house, "search", "Rechnung")["indexed"]
    for serial in (1, 2):
        assert _json(house, "reindex") == {"letters": status["letters"]}
        assert (house / "data" / "index" / "current").read_text() == f"{index_schema.VERSION}-000{serial}\n"
        assert _json(house, "status")["index_lag"] == 0
        found = _json(house, "search", "muenchner", "Rechnung")
        assert (found["total"], found["indexed"], found["index_lag"]) == (1, True, 0)
    (house / "later.eml").write_bytes(octets + b"spaeter")
    assert _postbuch(house, "import", "later.eml", "--account", "anna@firma.example").returncode == 0
    assert _json(house, "search", "spaeter")["index_lag"] == 1 == _json(house, "status")["index_lag"]
    assert "not in it yet: 1" in _postbuch(house, "search", "spaeter").stderr


def test_status_has_the_promised_keys(house: Path) -> None:
    """Also while nothing runs."""
    status = _json(house, "status")
    assert {
        "images", "sightings", "letters", "spool", "gaps", "refusals", "index_lag", "accounts", "listeners",
    } <= set(status)  # fmt: skip
    assert [certificate["name"] for certificate in status["certificates"]] == ["ca", "server"]


def test_doctor_names_each_problem_with_a_remedy(house: Path) -> None:
    """Nothing listens at the provider: two problems, exit code 1, the rest is well."""
    done = _postbuch(house, "doctor", "--json")
    assert done.returncode == 1
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert not checks["provider provider, IMAP"]["ok"]
    assert "nothing listens" in checks["provider provider, IMAP"]["sentence"]
    assert all(check["ok"] for name, check in checks.items() if not name.startswith("provider"))
    assert "problem" in _postbuch(house, "doctor").stdout


def test_account_test_says_in_one_sentence_what_is_wrong(house: Path) -> None:
    """Nothing listens there; an address that nobody serves."""
    done = _postbuch(house, "account", "test", "anna@firma.example")
    assert done.returncode == 1
    assert "IMAP: nothing listens on 127.0.0.1 port 9" in done.stderr
    done = _postbuch(house, "account", "test", "anna@elsewhere.example")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_the_language_of_the_locale(house: Path) -> None:
    """German sentences under a German locale."""
    done = _postbuch(house, "account", "test", "anna@elsewhere.example", LC_ALL="de_DE.UTF-8")
    assert "kein [[upstream]]" in done.stderr


def test_status_speaks_the_language_of_the_locale(house: Path) -> None:
    """German under a German locale; English with the name of the reason and its details in the JSON, whatever it is."""
    detail = Detail.NO_CONNECTION.said(seconds=10)
    sentence = proxy_failure.Reason.UPSTREAM_TIMEOUT.said(upstream="provider", endpoint="imaps://x:993", detail=detail)
    file = HealthFile(house / "data" / "run" / "proxy.json")
    file.write({"failures": [failure("imap", "upstream_timeout", sentence, None, account="anna@firma.example")]})
    try:
        german = _postbuch(house, "status", LC_ALL="de_DE.UTF-8")
        found = json.loads(_postbuch(house, "status", "--json", LC_ALL="de_DE.UTF-8").stdout)
    finally:
        file.remove()
    told = "provider (imaps://x:993) hat nicht rechtzeitig geantwortet (keine Verbindung binnen 10 s)"
    assert german.returncode == 1 and told in german.stderr
    assert str(sentence) in found["sentences"]
    [problem] = [each for each in found["problems"] if each["reason"] == "upstream_timeout"]
    assert problem["sentence"] == sentence
    assert problem["details"] == {"upstream": "provider", "endpoint": "imaps://x:993", "detail": str(detail)}


WRONG: list[tuple[tuple[str, ...], int, str]] = [
    (("get", "999999"), 1, "no letter"),
    (("get", "nonsense"), 1, "no letter"),
    (("show", "999999"), 1, "no letter"),
    (("search", "after:notaday"), 2, "notaday"),
    (("import", "nowhere.eml", "--account", "anna@firma.example"), 2, "nowhere.eml"),
    (("import", "postbuch.toml", "--account", "anna@elsewhere.example"), 2, "elsewhere"),
    (("user", "add", "nonsense", "--password-file", "password"), 2, "nonsense"),
    (("user", "add", "new@firma.example", "--password-file", "nowhere"), 2, "nowhere"),
    (("user", "grant", "nobody@firma.example", "--all"), 1, "nobody"),
    (("user", "grant", "admin@firma.example"), 2, "--all"),
    (("account", "set", "anna@firma.example"), 2, "--archive"),
    (("account", "add", "anna"), 2, "anna"),
    (("status", "--config", "nowhere.toml"), 2, "nowhere.toml"),
    (("verify", "--checkpoint", "nowhere.txt"), 2, "nowhere.txt: cannot be read: No such file or directory"),
]


@pytest.mark.parametrize(
    ("words", "code", "word"), WRONG, ids=lambda value: "-".join(value)[:40] if isinstance(value, tuple) else None
)
def test_wrong_use_is_one_sentence(house: Path, words: tuple[str, ...], code: int, word: str) -> None:
    """The sentence names what is wrong, standard output stays empty, the code is right."""
    done = _postbuch(house, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert word in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_a_failure_with_json_is_one_document(house: Path) -> None:
    """Scripts read the same place for good and bad."""
    done = _postbuch(house, "get", "nonsense", "--output", "x", "--json")
    assert json.loads(done.stdout)["exit_code"] == done.returncode == 1


def test_a_short_password_is_refused(tmp_path: Path) -> None:
    """`init` checks before it makes anything that cannot be undone."""
    _write_config(tmp_path)
    done = _postbuch(tmp_path, "init", "--admin-email", "a@firma.example", "--admin-password-file", "-", stdin="kurz\n")
    assert done.returncode == 2
    assert "8" in done.stderr


def test_up_before_init_and_with_a_port_in_use(house: Path, tmp_path: Path) -> None:
    """Both are one sentence and exit code 2."""
    _write_config(tmp_path)
    done = _postbuch(tmp_path, "up")
    assert (done.returncode, done.stdout) == (2, "")
    assert "postbuch init" in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = (
            (house / "postbuch.toml")
            .read_text()
            .replace('imap]\nlisten = ["127.0.0.1:0"]', f'imap]\nlisten = ["127.0.0.1:{port}"]')
        )
        (house / "taken.toml").write_text(text)
        done = _postbuch(house, "up", "--config", "taken.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"the key 'imap.listen': port {port} is in use" in done.stderr


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """One sentence that names key and folder, exit code 2."""
    _write_config(tmp_path)
    file = tmp_path / "postbuch.toml"
    file.write_text(file.read_text().replace('"data"', '"/proc/postbuch"'))
    done = _postbuch(tmp_path, "init", "--admin-email", "a@firma.example")
    assert (done.returncode, done.stdout) == (2, "")
    assert "data_dir" in done.stderr
    assert "/proc/postbuch" in done.stderr


CONFIGURATIONS = [
    ("data_dir = 5", "data_dir"),
    ("data_dir = 'd'\nnonsense = 1", "nonsense"),
    ("data_dir = ", "TOML"),
    ("[imap]\nlisten = ['here']", "imap.listen"),
    ("[web]\nlisten = 'http://0.0.0.0:80'", "web.listen"),
    ("[[upstream]]\nname = 'a'", "domains"),
    ("[[upstream]]\nname='a'\ndomains=['x']\nimap='imap://mail.example'\nsubmission='smtps://m'", "without TLS"),
    ("[dns]\nservers = ['dns.example']", "dns.servers"),
    ("[dns]\nservers = ['192.0.2.1:x']", "dns.servers"),
    ("\x00", "TOML"),
]


@pytest.mark.parametrize(("text", "word"), CONFIGURATIONS)
def test_a_wrong_configuration_is_one_sentence(tmp_path: Path, text: str, word: str) -> None:
    """The key is named; exit code 2."""
    (tmp_path / "postbuch.toml").write_text(text)
    done = _postbuch(tmp_path, "config", "check")
    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr


@pytest.mark.parametrize(("words", "expected"), [
    ("get 99999", "es gibt keinen Brief '99999', den Sie lesen dürfen"),
    ("user set nix@x --active", "es gibt keinen Benutzer 'nix@x'; `postbuch user list` zeigt alle"),
    ("search from:", "in der Suche steht nichts hinter 'from:'"),
    ("search a OR", "der Suche fehlt ein Wort an ihrem Ende"),
    ("export a --format csv --output x.csv --columns quatsch", "die Liste hat keine Spalte 'quatsch'; es gibt from,"),
    ("audit --since quatsch", "'quatsch' ist kein Tag wie 2026-01-31"),
    ("status --config nirgends.toml", "nirgends.toml: diese Konfigurationsdatei gibt es nicht"),
])
def test_what_was_wrong_is_said_in_german(house: Path, words: str, expected: str) -> None:
    """What the archive says of a wrong call is in the language of the locale."""
    done = _postbuch(house, *words.split(), LC_ALL="de_DE.UTF-8")
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(f"postbuch: {expected}"), done.stderr


def test_sentences_fit_one_and_many(house: Path) -> None:
    """One letter is no letters, and what is true is called so by people."""
    (house / "lone.eml").write_bytes(b"From: x@einzeln.example\r\nSubject: Einzelstueck\r\n\r\nText\r\n")
    done = _postbuch(house, "import", "lone.eml", "--account", "anna@firma.example")
    assert done.returncode == 0, done.stderr
    assert _postbuch(house, "reindex").returncode == 0  # nothing runs here that would follow
    german = {"LC_ALL": "de_DE.UTF-8"}
    assert "1 von 1 Brief\n" in _postbuch(house, "search", "Einzelstueck", **german).stderr
    assert "1 of 1 letter\n" in _postbuch(house, "search", "Einzelstueck").stderr
    assert "0 of 0 letters\n" in _postbuch(house, "search", "gibtesnicht").stderr
    table = ("export", "Einzelstueck", "--format", "csv", "--output", "one.csv", "--force")
    assert "1 Zeile steht in one.csv" in _postbuch(house, *table, **german).stderr
    assert "1 row is in one.csv" in _postbuch(house, *table).stderr
    packed = ("export", "Einzelstueck", "--output", "one.zip", "--force")
    assert "one.zip enthält 1 Nachricht aus 1 Brief\n" in _postbuch(house, *packed, **german).stderr
    for words in (("user", "list"), ("account", "list")):
        listed = _postbuch(house, *words, **german).stdout
        assert "True" not in listed and "ja" in listed.split()
    [row] = _json(house, "search", "Einzelstueck")["results"]
    shown = _postbuch(house, "show", str(row["id"]), **german).stdout
    assert "eingelesen" in shown and "import" not in shown


def test_an_export_is_a_file(house: Path) -> None:
    """`-` is no name for one, in no format."""
    for form in ("zip", "csv", "eml"):
        done = _postbuch(house, "export", "x", "--format", form, "--output", "-")
        assert done.returncode == 2 and "not to standard output" in done.stderr
    assert not (house / "-").exists()


def test_the_version_is_told(house: Path) -> None:
    """Without a configuration or a database."""
    done = _postbuch(house, "--version")
    assert (done.returncode, done.stdout) == (0, f"postbuch {metadata.version('postbuch')}\n")


def test_another_version_of_the_tables_is_told(house: Path) -> None:
    """An older one with what brings it up, a newer one as what it is; a backup can be made of either before that."""
    config = configuration.load(house / "postbuch.toml")
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head() == schemaversion.NEWEST
    commands = [
        ("search", "x"), ("show", "1"), ("verify",), ("reindex",), ("sync", "--once"), ("account", "list"),
        ("export", "x", "--output", "x.zip"), ("export", "x", "--format", "csv", "--output", "x.csv"),
        ("import", "postbuch.toml", "--account", "anna@firma.example"), ("put", "x", "--account", "anna@firma.example"),
    ]  # fmt: skip
    try:
        for number, sentence in (("0001", Reason.TABLES_OLDER), ("9999", Reason.TABLES_NEWER)):
            _set_version(config, number)
            for words in commands:
                done = _postbuch(house, *words)
                assert (done.returncode, done.stdout, done.stderr) == (3, "", f"postbuch: {sentence.value}\n"), words
            assert _postbuch(house, "backup", str(house / f"backup-{number}")).returncode == 0
        done = _postbuch(house, "init", "--admin-email", "admin@firma.example")
        assert (done.returncode, done.stderr) == (3, f"postbuch: {Reason.TABLES_NEWER.value}\n")
    finally:
        _set_version(config, schemaversion.NEWEST)
    assert _postbuch(house, "search", "x").returncode == 0


def _set_version(config: configuration.Config, number: str) -> None:
    with database.connection(config, database.Role.OWNER) as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": number})


@pytest.mark.parametrize("words", ["config example", "user list", "user list --json", "status"])
def test_standard_output_on_a_full_disk_is_told(house: Path, words: str) -> None:
    """In one sentence, and not as an error in Postbuch itself."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "postbuch.cli.main", *words.split()], cwd=house, stdout=full, stderr=subprocess.PIPE,
            text=True, env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2, "postbuch: standard output cannot be written: No space left on device\n"
    )  # fmt: skip


@pytest.mark.parametrize(("closed", "code", "said"), [
    (">&-", 2, "postbuch: standard output cannot be written: Bad file descriptor\n"), ("<&-", 0, ""), ("2>&-", 0, ""),
])
def test_a_stream_that_the_caller_has_closed(tmp_path: Path, closed: str, code: int, said: str) -> None:
    """As some schedulers do: told in one sentence, and what needs the stream not is done."""
    begin = [sys.executable, "-c", "from postbuch.cli.entry import run; run()", "config", "example"]
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *begin], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (code, said)
    assert ("data_dir" in done.stdout) is (code == 0)


def test_a_configuration_of_notepad_is_read(tmp_path: Path) -> None:
    """With the byte order mark in front of it that it puts there."""
    (tmp_path / "postbuch.toml").write_bytes(b"\xef\xbb\xbfdata_dir = 'd'\r\n")
    assert _postbuch(tmp_path, "config", "check").returncode == 0


def test_a_data_folder_of_somebody_else_is_told(tmp_path: Path) -> None:
    """What may not be read is named with the remedy: `sudo -u` is forgotten. Root is tried without its powers."""
    _write_config(tmp_path)
    certificates = tmp_path / "data" / "tls"
    certificates.mkdir(parents=True)
    certificates.chmod(0)
    powerless = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*powerless, sys.executable, "-m", "postbuch.cli.main", "search", "x"], cwd=tmp_path, capture_output=True,
        text=True, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    certificates.chmod(0o700)
    assert (done.returncode, done.stdout, done.stderr) == (
        2, "", f"postbuch: {certificates / 'ca.pem'}: Permission denied; call this command as the user that runs "
        "Postbuch, for example by `sudo -u postbuch`\n",
    )  # fmt: skip


@pytest.mark.parametrize("line", ['ca_file = "gone.pem"', 'master_password_file = "gone.pem"'])
def test_a_file_that_is_named_and_not_there_is_told_by_the_check(tmp_path: Path, line: str) -> None:
    """And not when a mail program is waiting for it."""
    _write_config(tmp_path)
    with (tmp_path / "postbuch.toml").open("a") as stream:
        stream.write(line + "\n")
    done = _postbuch(tmp_path, "config", "check")
    assert done.returncode == 2
    assert f"{tmp_path / 'gone.pem'}" in done.stderr and "No such file or directory" in done.stderr


def test_an_action_that_there_is_not_is_told(house: Path) -> None:
    """Else an empty answer would look like nobody having done it."""
    done = _postbuch(house, "audit", "--what", "vieuw")
    assert done.returncode == 0
    assert "No action is called 'vieuw'; there are " in done.stderr and ", view, " in done.stderr.replace("\n", " ")
    assert "No action" not in _postbuch(house, "audit", "--what", "restore").stderr


def test_an_error_behind_a_bar_is_one_line(house: Path) -> None:
    """Where there is no terminal, no bar leaves an empty line."""
    done = _postbuch(house, "backup", str(house / "data" / "within"))
    assert (done.returncode, done.stderr.count("\n"), done.stderr[:10]) == (2, 1, "postbuch: ")


def test_ctrl_c_while_libraries_are_loaded_says_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(  # from a terminal: where it is ignored, as behind nohup, it stays so
        ["env", "--default-signal=INT", sys.executable, "-c", _STARTED], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    with process:
        assert process.stdout is not None and process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=60)
    assert (out, told) == ("", "")
    assert process.returncode in (-signal.SIGINT, 130)


# As the script that is installed does, with a library in it that takes long to load.
_PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
_STARTED = """
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            print("loading", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
sys.argv = ["postbuch", "search", "x"]
from {} import {} as command
sys.exit(command())
""".format(*_PROJECT["scripts"]["postbuch"].split(":"))
