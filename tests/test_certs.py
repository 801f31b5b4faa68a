"""The own CA, the server certificate, its reload without dropping connections, and trust towards upstream."""

import asyncio
import datetime
import ssl
import stat
from pathlib import Path

import pytest
import trustme

from postbuch.archive.config import Config, Web
from postbuch.archive.errors import ConfigError
from postbuch.certs import authority
from postbuch.certs.expiry import expiries
from postbuch.certs.files import certificate_files
from postbuch.certs.reactor import ReactorContext
from postbuch.certs.server import ServerContext
from postbuch.certs.trust import client_context

NAMES = ["mail.firma.example", "localhost", "127.0.0.1"]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    made = Config(data_dir=str(tmp_path / "data"), web=Web(public_url="https://mail.firma.example"))
    authority.initialise(made.data, NAMES)
    return made


def test_the_files_of_init_are_there_and_keys_are_ours_alone(config: Config) -> None:
    """`init` writes four files; the keys are readable by nobody else."""
    files = certificate_files(config.data)
    for path, mode in ((files.ca_key, 0o600), (files.server_key, 0o600), (files.ca, 0o644), (files.server, 0o644)):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert stat.S_IMODE(files.ca_key.parent.stat().st_mode) == 0o700


def test_lifetimes_and_names(config: Config) -> None:
    """The CA lasts ten years, the server certificate at most 397 days, and it carries every name."""
    files = certificate_files(config.data)
    ca, server = authority.read_certificate(files.ca), authority.read_certificate(files.server)
    assert (ca.not_valid_after_utc - ca.not_valid_before_utc).days >= 3650
    assert (server.not_valid_after_utc - server.not_valid_before_utc) <= datetime.timedelta(days=397)
    assert authority.certificate_names(server) == NAMES
    assert server.public_key().curve.name == "secp256r1"  # type: ignore[union-attr]


def test_a_second_initialise_changes_nothing(config: Config) -> None:
    """Running `init` again keeps the CA that clients already trust, and the certificate."""
    files = certificate_files(config.data)
    before = [path.read_bytes() for path in (files.ca, files.server, files.ca_key, files.server_key)]
    authority.initialise(config.data, NAMES)
    assert [path.read_bytes() for path in (files.ca, files.server, files.ca_key, files.server_key)] == before


def test_renewal_when_it_ends_soon_or_a_name_is_new(config: Config) -> None:
    """A certificate with less than 30 days, or without a name that is needed, is replaced; the CA stays."""
    files = certificate_files(config.data)
    ca = files.ca.read_bytes()
    now = datetime.datetime.now(datetime.UTC)
    assert not authority.renew_if_due(config.data, NAMES, now=now + datetime.timedelta(days=360))
    assert authority.renew_if_due(config.data, NAMES, now=now + datetime.timedelta(days=370))
    assert authority.renew_if_due(config.data, ["post.firma.example"])
    assert set(authority.certificate_names(authority.read_certificate(files.server))) == {*NAMES, "post.firma.example"}
    assert files.ca.read_bytes() == ca


def test_a_certificate_that_is_not_good_yet_is_renewed(config: Config) -> None:
    """It was made while the clock was a year ahead; clients would refuse it until then."""
    now = datetime.datetime.now(datetime.UTC)
    assert authority.renew_if_due(config.data, NAMES, now=now + datetime.timedelta(days=370))
    assert authority.renew_if_due(config.data, NAMES, now=now)
    assert authority.read_certificate(certificate_files(config.data).server).not_valid_before_utc <= now
    assert not authority.renew_if_due(config.data, NAMES, now=now)


def test_a_bought_certificate_is_never_overwritten(config: Config) -> None:
    """What another authority issued stays, however soon it ends; status says so."""
    files = certificate_files(config.data)
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)
    bought = trustme.CA().issue_cert("mail.firma.example", not_after=soon)
    files.server.write_bytes(bought.cert_chain_pems[0].bytes())
    files.server_key.write_bytes(bought.private_key_pem.bytes())
    assert not authority.renew_if_due(config.data, ["other.example"])
    server = next(fact for fact in expiries(config) if fact.name == "server")
    assert not server.own
    assert "put the renewed certificate" in server.sentence


def test_expiry_is_quiet_while_all_is_well(config: Config) -> None:
    """Facts without a sentence while nothing needs to be done; a missing file is a sentence and no exception."""
    assert [fact.sentence for fact in expiries(config)] == ["", ""]
    assert all((fact.days_left or 0) > 30 for fact in expiries(config))
    certificate_files(config.data).server.unlink()
    assert "server.pem" in expiries(config)[1].sentence


def test_names_of_the_configuration(config: Config) -> None:
    """public_url, the machine, loopback and explicit listen addresses; never the any-address."""
    names = authority.server_names(config)
    assert {"mail.firma.example", "localhost", "127.0.0.1", "::1"} <= set(names)
    assert "0.0.0.0" not in names


async def _serial(port: int, trust: ssl.SSLContext) -> int:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="mail.firma.example")
    certificate = writer.get_extra_info("peercert")
    writer.close()
    await writer.wait_closed()
    return int(certificate["serialNumber"], 16)


def test_a_changed_certificate_serves_the_next_handshake_and_drops_nobody(config: Config) -> None:
    """A connection that stands goes on; the very next handshake has the new certificate; half a swap is ignored."""

    async def run() -> None:
        context = ServerContext(config)

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line)
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context.context)
        port = server.sockets[0].getsockname()[1]
        trust = client_context(certificate_files(config.data).ca)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
        before = await _serial(port, trust)

        files = certificate_files(config.data)
        kept = files.server_key.read_bytes()
        future = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=370)
        assert authority.renew_if_due(config.data, NAMES, now=future - datetime.timedelta(days=1))
        fitting = files.server_key.read_bytes()
        files.server_key.write_bytes(kept)
        assert await _serial(port, trust) == before
        files.server_key.write_bytes(fitting)
        # The new certificate is valid from the faked day on only, so its serial is read without verification.
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
        _, other = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
        served = ssl.DER_cert_to_PEM_cert(other.get_extra_info("ssl_object").getpeercert(binary_form=True))
        assert files.server.read_text().startswith(served)
        writer.write(b"still here\n")
        assert await reader.readline() == b"still here\n"
        for each in (writer, other):
            each.close()
            await each.wait_closed()
        server.close()
        await server.wait_closed()

    asyncio.run(run())


def test_twisted_gets_the_changed_certificate(config: Config) -> None:
    """The reactor's context is the same object until the files change."""
    context = ReactorContext(config)
    first = context.getContext()
    assert context.getContext() is first
    assert authority.renew_if_due(config.data, ["post.firma.example"])
    assert context.getContext() is not first


def test_a_context_for_one_client_has_the_certificate_that_fits(config: Config) -> None:
    """A new one each time; while certificate and key do not fit there is none."""
    contexts, files = ReactorContext(config), certificate_files(config.data)
    assert contexts.alone(60) is not contexts.alone(60)
    kept = files.server_key.read_bytes()
    assert authority.renew_if_due(config.data, ["post.firma.example"])
    fitting = files.server_key.read_bytes()
    files.server_key.write_bytes(kept)
    with pytest.raises(ConfigError, match="do not fit"):
        contexts.alone(60)
    files.server_key.write_bytes(fitting)
    contexts.alone(60)


def test_a_missing_certificate_is_one_sentence(tmp_path: Path) -> None:
    """Without `init` the listeners say what to do."""
    for make in (ServerContext, ReactorContext):
        with pytest.raises(ConfigError, match="postbuch init"):
            make(Config(data_dir=str(tmp_path)))


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A file stands where the folder should be: the sentence names it."""
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(ConfigError, match="data"):
        authority.initialise(tmp_path / "data", NAMES)


def test_trust_verifies_always(tmp_path: Path) -> None:
    """Certificate and host name are checked, TLS 1.2 is the least; a wrong ca_file is named."""
    trust = client_context()
    assert trust.verify_mode is ssl.CERT_REQUIRED
    assert trust.check_hostname
    assert trust.minimum_version >= ssl.TLSVersion.TLSv1_2
    with pytest.raises(ConfigError, match=r"upstream\.ca_file.*nowhere"):
        client_context(tmp_path / "nowhere.pem")
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(ConfigError, match="no certificate"):
        client_context(tmp_path / "empty.pem")


def test_a_failed_write_leaves_nothing_behind(config: Config) -> None:
    """No temporary file stays in the folders of keys and certificates."""
    assert [path for folder in ("keys", "tls") for path in (config.data / folder).glob(".*")] == []
