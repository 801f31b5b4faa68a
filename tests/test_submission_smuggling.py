"""Nothing that a client writes into a message gives upstream a second one or a bare line end (issue 1, must show 7)."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from submission_proxy import Client, RunningProxy, make_config
from test_unstuff import STREAMS, cut, reference

from provider.sink import Sink

ENVELOPE = b"MAIL FROM:<anna@firma.example>\r\nRCPT TO:<bernd@firma.example>\r\nDATA\r\n"
SMUGGLED = b"MAIL FROM:<boss@firma.example>\r\nRCPT TO:<x@firma.example>\r\nDATA\r\nFrom: boss\r\n"
VARIANTS = [
    b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\n.\n", b"\r\n.\r", b"\r.\r\n", b"\r\r\n.\n", b"\n\r.\r\n", b"\r\n\n.\n",
    b"\n..\n",
]  # fmt: skip


@pytest.fixture(scope="module")
def proxy(sink_server: Sink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("smuggling")
    with RunningProxy(make_config(folder, f"smtp://127.0.0.1:{sink_server.smtp_port}", sink_server.ca_file)) as running:
        yield running


@pytest.fixture
def client(proxy: RunningProxy, sink: Sink) -> Iterator[Client]:
    proxy.fresh()
    with proxy.client() as made:
        made.log_in()
        yield made


def submit(client: Client, chunks: list[bytes]) -> bytes:
    """A message in the given writes; the last one ends it."""
    client.send(ENVELOPE)
    assert [client.reply()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
    for chunk in chunks:
        client.send(chunk)
    return client.reply()


@pytest.mark.parametrize("variant", VARIANTS)
def test_known_variants_stay_inside_the_message(
    proxy: RunningProxy, client: Client, sink: Sink, variant: bytes
) -> None:
    """One message upstream with CRLF only, the original octets in the archive, for cuts all around the variant."""
    octets = b"Subject: x\r\n\r\nbody" + variant + SMUGGLED
    expected = reference(octets + b".\r\n")
    assert expected is not None
    edge = octets.index(variant)
    for at in range(edge - 1, edge + len(variant) + 2):
        assert submit(client, [octets[:at], octets[at:] + b".\r\n"])[:3] == b"250"
        assert sink.bare_line_ends == 0
        [message] = sink.messages
        assert message.raw == expected[1] and b"boss@firma.example" in message.raw
        sink.messages.clear()
    for record in proxy.messages():
        assert record.load() == expected[0] and record.facts["normalised"] is True
    senders = {line for line in sink.commands if line.upper().startswith(b"MAIL")}
    assert senders == {b"MAIL FROM:<anna@firma.example>\r\n"}


@pytest.mark.parametrize("variant", [b"\r\n.\0\r\n", b"\r\n\0.\r\n", b"\0"])
def test_nul_is_refused_and_not_relayed(proxy: RunningProxy, client: Client, sink: Sink, variant: bytes) -> None:
    """550 with the reason on record; upstream gets no end of data; the next message on the same connection passes."""
    assert submit(client, [b"Subject: x\r\n\r\nbody" + variant + b"more\r\n.\r\n"]).startswith(b"550 5.6.0 ")
    assert submit(client, [b"Subject: y\r\n\r\n.\r\n"])[:3] == b"250"
    assert [each.octets for each in sink.messages] == [b"Subject: y\r\n\r\n"]
    [refusal] = proxy.events("refusal")
    assert refusal["reason"] == "the message contains the octet NUL" and refusal["source"] == "submission"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=STREAMS, places=st.lists(st.integers(0, 200), max_size=4))
def test_any_stream_in_any_writes(
    proxy: RunningProxy, client: Client, sink: Sink, stream: bytes, places: list[int]
) -> None:
    """What upstream and the archive get is what the reference says; what stands behind the end is read as commands."""
    expected = reference(stream.replace(b"\0", b"") + b"\r\n.\r\n")
    assert expected is not None
    archived, relayed, rest = expected
    octets = (stream.replace(b"\0", b"") + b"\r\n.\r\n").removesuffix(rest)
    sink.messages.clear()
    proxy.fresh()
    assert submit(client, cut(octets, places))[:3] == b"250"
    assert sink.bare_line_ends == 0
    assert [each.raw for each in sink.messages] == [relayed]
    assert [each.load() for each in proxy.messages()] == [archived]


@pytest.mark.parametrize("line", [b"NOOP\n", b"NO\rOP\r\n", b"NOOP\0\r\n", b"MAIL FROM:<a@b>\rRCPT TO:<c@d>\r\n"])
def test_bare_line_ends_in_commands_end_the_connection(client: Client, sink: Sink, line: bytes) -> None:
    """500 and close: nothing of the line reaches upstream, nothing behind it is served."""
    client.send(line + b"NOOP\r\n")
    assert [reply[:3] for reply in client.replies()] == [b"500"]
    assert not [each for each in sink.commands if b"RCPT" in each]


def test_a_message_without_waiting_is_not_read_as_commands(client: Client, sink: Sink) -> None:
    """No recipient was taken and upstream refuses DATA, but the client has sent its message: refused, closed."""
    sink.behaviour.replies = {"data": "554 5.5.1 no", "rcpt": "550 5.1.1 unknown"}
    client.send(ENVELOPE + b"Subject: x\r\nMAIL FROM:<evil@x>\r\n.\r\n")
    assert [reply[:3] for reply in client.replies()] == [b"250", b"550", b"554"]
    assert not [each for each in sink.commands if b"evil" in each]


@pytest.mark.parametrize("waits", [True, False])
def test_a_message_that_upstream_refuses_at_data_is_not_read_as_commands(
    proxy: RunningProxy, client: Client, sink: Sink, waits: bool
) -> None:
    """The client had our 354: its message is taken to the end, refused in upstream's words; nothing of it goes on."""
    sink.behaviour.replies = {"data": "554 5.5.1 nicht heute"}
    sink.behaviour.delays_s = {"data": 0.2}
    body = b"Subject: x\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<evil@x>\r\n.\r\n"
    client.send(ENVELOPE + (b"" if waits else body))
    assert [client.reply()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
    if waits:
        client.send(body)
    assert client.reply() == b"554 5.5.1 nicht heute\r\n"
    assert client.ask(b"NOOP")[:3] == b"250"
    assert [each.split()[0] for each in sink.commands][-4:] == [b"MAIL", b"RCPT", b"DATA", b"RSET"]
    assert not [each for each in sink.commands if b"evil" in each] and sink.messages == []
    sink.behaviour.replies = {}
    assert submit(client, [b"Subject: y\r\n\r\n.\r\n"])[:3] == b"250"
    assert len(sink.messages) == 1 and sink.commands.count(b"AUTH") == 1  # the connection is the same
