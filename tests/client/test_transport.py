"""What is promised of the two transports: the same bytes, the same answers, and nothing told."""

import asyncio
import gc
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from airflow_aml_retrain.client.hosts import HostRule
from airflow_aml_retrain.client.keyring import Keyring
from airflow_aml_retrain.client.transport import AsyncTransport, BlockingTransport
from airflow_aml_retrain.errors import NotConfigured, ServiceUnavailable
from airflow_aml_retrain.wire.conversation import Conversation, Credential, Request, Response, ask
from airflow_aml_retrain.wire.secret import Secret
from tests.client.loopback import Drop, Heard, Loopback, Say, loopback

Send = Callable[[Request], Response]
KEY, SAS = "k3y-of-the-endpoint", "?sv=2015-02-21&sig=aB%2Bc%2F%3D&sp=r"
NAME = "Census\u00a0[trained model]"


def keyring() -> Keyring:
    return Keyring({Credential.SERVICE_KEY: Secret(KEY)})


@pytest.fixture(params=["requests", "aiohttp"])
def send(request: pytest.FixtureRequest) -> Iterator[Send]:
    """A way to send one request: over the one transport, then over the other."""
    if request.param == "requests":
        transport = BlockingTransport(keyring(), HostRule())
        yield transport
        transport.close()
    else:
        yield lambda request: asyncio.run(_asked(request))


async def _asked(request: Request) -> Response:
    return await AsyncTransport(keyring(), HostRule())(request)


def test_a_body_is_utf_8_json_in_which_secrets_are_revealed_unchanged(
    server: Loopback, send: Send
) -> None:
    body = {"Resources": [{"Name": NAME, "SasBlobToken": Secret(SAS), "Kind": None}]}

    send(Request("PATCH", f"{server.url}/e", body))

    heard = server.heard[0]
    assert heard.json() == {"Resources": [{"Name": NAME, "SasBlobToken": SAS, "Kind": None}]}
    assert NAME.encode() in heard.body
    assert heard.headers["content-type"] == "application/json; charset=utf-8"
    assert heard.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_request_without_a_body_says_that_its_length_is_0(
    server: Loopback, send: Send, method: str
) -> None:
    send(Request(method, f"{server.url}/jobs/j1/start?api-version=2.0"))

    assert server.heard[0].headers["content-length"] == "0"
    assert "content-type" not in server.heard[0].headers
    assert server.lines == [f"{method} /jobs/j1/start?api-version=2.0"]


def test_an_answer_comes_with_its_status_headers_body_and_time(
    server: Loopback, send: Send
) -> None:
    server.says(Say({"a": [1]}, 503, {"Retry-After": "7"}))

    answer = send(Request("GET", f"{server.url}/x"))

    assert (answer.status, answer.json()) == (503, {"a": [1]})
    assert answer.headers["retry-after"] == "7"
    assert 0 < answer.elapsed < 10


def test_a_request_without_a_credential_carries_none(server: Loopback, send: Send) -> None:
    send(Request("GET", f"{server.url}/swagger.json", credential=Credential.NONE))

    assert "authorization" not in server.heard[0].headers


def test_a_netrc_does_not_overrule_the_key(
    server: Loopback, send: Send, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))

    send(Request("GET", f"{server.url}/x"))
    send(Request("GET", f"{server.url}/y", credential=Credential.NONE))

    assert server.heard[0].headers["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in server.heard[1].headers


def test_what_goes_to_this_machine_goes_through_no_proxy(
    server: Loopback, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert send(Request("GET", f"{server.url}/x")).status == 200


def test_other_requests_go_through_the_proxy_of_the_machine(
    server: Loopback, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url.replace("://", "://user:word@"))
    monkeypatch.delenv("no_proxy", raising=False)
    insecure = HostRule(insecure_hosts=("emulator.test",))
    request = Request("GET", "http://emulator.test/x")

    BlockingTransport(keyring(), insecure)(request)
    asyncio.run(_through(insecure, request))

    assert server.lines == ["GET http://emulator.test/x"] * 2
    proxied = {each.headers["proxy-authorization"] for each in server.heard}
    assert proxied == {"Basic dXNlcjp3b3Jk"}


async def test_the_way_to_a_host_is_found_out_once(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    transport = AsyncTransport(keyring(), HostRule(insecure_hosts=("emulator.test", "b.test")))
    await transport(Request("GET", "http://emulator.test/x"))

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert (await transport(Request("GET", "http://emulator.test/y"))).status == 200
    with pytest.raises(ServiceUnavailable):
        await transport(Request("GET", "http://b.test/y"))


async def _through(hosts: HostRule, request: Request) -> Response:
    return await AsyncTransport(keyring(), hosts)(request)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_the_key_goes_nowhere_else(
    server: Loopback, send: Send, status: int
) -> None:
    server.says(Say(None, status, {"Location": "/elsewhere"}))

    assert send(Request("GET", f"{server.url}/x")).status == status
    assert server.lines == ["GET /x"]


@pytest.mark.parametrize("reply", [Drop(), Say({"a": 1}, cut=True)])
def test_a_connection_that_ends_early_is_no_answer(
    server: Loopback, send: Send, reply: Say | Drop
) -> None:
    server.says(reply)

    with pytest.raises(
        ServiceUnavailable, match=f"GET {server.url}/x: no answer after 0"
    ) as caught:
        send(Request("GET", f"{server.url}/x"))

    assert caught.value.elapsed > 0


def test_a_port_where_nobody_listens_is_no_answer(send: Send) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"

        with pytest.raises(ServiceUnavailable, match="no answer"):
            send(Request("POST", url, {"k": Secret(SAS)}))


def test_a_host_that_nobody_named_is_not_even_connected_to(send: Send) -> None:
    with pytest.raises(NotConfigured, match=r"add 'emulator\.test' to insecure_hosts"):
        send(Request("GET", "http://emulator.test:8080/x"))


def test_a_certificate_that_nobody_vouches_for_is_yours_to_mend(send: Send) -> None:
    with (
        loopback(tls=trustme.CA()) as server,
        pytest.raises(NotConfigured, match="certificate is not trusted"),
    ):
        send(Request("GET", f"{server.url}/x"))

    assert server.heard == []


def test_a_missing_key_is_no_request(server: Loopback, send: Send) -> None:
    with pytest.raises(NotConfigured, match="no workspace token"):
        send(Request("GET", f"{server.url}/x", credential=Credential.WORKSPACE_TOKEN))

    assert server.heard == []


def test_a_body_that_is_no_json_is_our_own_bug(server: Loopback, send: Send) -> None:
    with pytest.raises(TypeError, match="a request body cannot hold a bytes"):
        send(Request("POST", f"{server.url}/x", {"a": b"x"}))


@pytest.mark.parametrize("reply", [Say({"k": KEY}), Say({"k": KEY}, 401), Drop()])
def test_no_log_and_no_error_tells_a_key_or_a_body(
    server: Loopback, send: Send, caplog: pytest.LogCaptureFixture, reply: Say | Drop
) -> None:
    server.says(reply)
    request = Request("POST", f"{server.url}/jobs", {"SasBlobToken": Secret(SAS), "x": "b0dy"})

    with caplog.at_level(logging.DEBUG):
        try:
            told = repr(send(request))
        except ServiceUnavailable as exc:
            logging.getLogger("test").exception("it failed")
            told = f"{exc!r} {exc.__cause__!r}"

    said = told + caplog.text + repr(request)
    assert server.heard[0].headers["authorization"] == f"Bearer {KEY}"
    assert all(hidden not in said for hidden in (KEY, SAS, "aB%2Bc", "b0dy"))


def test_cookies_are_not_kept_between_asynchronous_requests(server: Loopback) -> None:
    server.says(Say(None, 200, {"Set-Cookie": "a=b"}))

    async def twice() -> None:
        transport = AsyncTransport(keyring(), HostRule())
        await transport(Request("GET", f"{server.url}/x"))
        await transport(Request("GET", f"{server.url}/x"))

    asyncio.run(twice())

    assert all("cookie" not in each.headers for each in server.heard)


def rotating(server: Loopback) -> Keyring:
    """A keyring whose key has just been changed on the server, and can be read there."""

    def script(heard: Heard) -> Say:
        if heard.path == "/key":
            return Say({"key": "new"})
        return Say(None, 200 if heard.headers["authorization"] == "Bearer new" else 401)

    def look_up() -> Conversation[Secret]:
        request = Request("GET", f"{server.url}/key", credential=Credential.WORKSPACE_TOKEN)
        said = (yield from ask(request)).json()
        assert isinstance(said, dict)
        return Secret(said["key"])

    server.script = script
    secrets = {Credential.SERVICE_KEY: Secret("old"), Credential.WORKSPACE_TOKEN: Secret("token")}
    return Keyring(secrets, {Credential.SERVICE_KEY: look_up})


def test_a_refused_key_is_read_again_and_used_from_then_on(server: Loopback) -> None:
    transport = BlockingTransport(rotating(server), HostRule())
    request = Request("GET", f"{server.url}/x")

    answers = [transport(each) for each in (request, renewed(request), request)]

    assert [answer.status for answer in answers] == [401, 200, 200]
    assert server.lines == ["GET /x", "GET /key", "GET /x", "GET /x"]
    transport.close()


def renewed(request: Request) -> Request:
    return Request(request.method, request.url, renew=True)


async def test_a_crowd_whose_key_was_refused_reads_it_again_once(server: Loopback) -> None:
    transport = AsyncTransport(rotating(server), HostRule())
    request = renewed(Request("GET", f"{server.url}/x"))

    answers = await asyncio.gather(*[transport(request) for _ in range(20)])

    assert {answer.status for answer in answers} == {200}
    assert server.lines.count("GET /key") == 1


def test_connections_are_used_again_and_closed_at_the_end(server: Loopback) -> None:
    transport = BlockingTransport(keyring(), HostRule())

    for _ in range(3):
        transport(Request("GET", f"{server.url}/x"))
        assert len(server.open_connections) == 1
    transport.close()

    assert server.all_closed.wait(5)


def test_a_transport_that_was_forgotten_leaves_no_open_socket(server: Loopback) -> None:
    transport = BlockingTransport(keyring(), HostRule())
    transport(Request("GET", f"{server.url}/x"))

    del transport
    gc.collect()  # a socket left open would be a ResourceWarning, and that an error

    assert server.all_closed.wait(5)


def test_a_closed_transport_opens_again_when_it_is_needed(server: Loopback) -> None:
    transport = BlockingTransport(keyring(), HostRule())

    transport.close()
    assert transport(Request("GET", f"{server.url}/x")).status == 200
    transport.close()
