"""A request for an access token: past every proxy for this machine, bounded as a whole, and its faults are named."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from kafka.errors import KafkaConnectionError

from tests.certificates import Authority, Certified
from tests.token_server import token_server
from worker import time_limits
from worker.errors import TransientError
from worker.kafka.access_tokens import GrantedTokens
from worker.kafka.errors import translated
from worker.kafka.token_endpoint import TokenEndpoint
from worker.time_limits import TimeLimit

SECRET: Final = "hunter2"
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_never_gets_the_secret_that_is_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, variable: str, host: str
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with (
        token_server(lambda: (200, {"access_token": "of the endpoint"})) as endpoint,
        token_server(lambda: (200, {"access_token": "of the proxy"})) as proxy,
    ):
        monkeypatch.setenv(variable, proxy.url)
        url = endpoint.url.replace("127.0.0.1", host)
        assert TokenEndpoint(url, "worker", SECRET).request().token == "of the endpoint"
    assert (len(endpoint.requests), proxy.requests) == (1, [])


def test_https_goes_through_the_proxy_which_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with token_server(lambda: (200, {"access_token": "of the proxy"})) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(KafkaConnectionError, match="Tunnel connection failed: 501"):
            TokenEndpoint("https://idp.invalid/token", "worker", SECRET).request()
    assert proxy.requests == []


@contextmanager
def dripping(start: bytes, drop: bytes, certified: Certified | None = None) -> Iterator[str]:
    """Serve one connection: `start`, then `drop` again and again, until the client closes or 10 s have passed."""
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        connection, _ = listening.accept()
        try:
            if certified is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certified.certificate, certified.key)
                connection = context.wrap_socket(connection, server_side=True)
            connection.recv(65_536)
            connection.sendall(start)
            end_s = time.monotonic() + 10
            while time.monotonic() < end_s and not ended.wait(0.02):
                connection.sendall(drop)
        except OSError:
            pass  # the client has closed the connection
        finally:
            connection.close()

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    origin = "http://127.0.0.1" if certified is None else "https://localhost"
    try:
        yield f"{origin}:{listening.getsockname()[1]}/token"
    finally:
        ended.set()
        listening.close()
        serving.join(5)


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b"H"),
        (HEAD + b"X-Filler: ", b"a"),
        (HEAD, b"X-Filler: a\r\n"),
        (HEAD + b"\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["status", "header", "headers", "body", "chunks"],
)
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_an_answer_that_drips_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, start: bytes, drop: bytes, *, tls: bool
) -> None:
    monkeypatch.setattr(time_limits, "TOKEN_REQUEST", TimeLimit(0.5, "the whole answer"))
    authority = Authority(tmp_path) if tls else None
    certified = None if authority is None else authority.certify("localhost")
    with dripping(start, drop, certified) as url:
        cafile = None if authority is None else authority.certificate
        with pytest.raises(KafkaConnectionError, match="timed out"):
            TokenEndpoint(url, "worker", SECRET, cafile=cafile).request()


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"", "cannot be read"), (b"-----BEGIN CERTIFICATE-----\nMIIB", "cannot be read")],
    ids=["missing", "empty", "half written"],
)
def test_an_authority_that_is_being_replaced_is_named_and_read_again(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    authority = Authority(tmp_path)
    cafile = tmp_path / "replaced.pem"
    if content is not None:
        cafile.write_bytes(content)
    with token_server(lambda: (200, {"access_token": "a"}), authority.certify("localhost")) as server:
        tokens = GrantedTokens(TokenEndpoint(server.url, "worker", SECRET, cafile=cafile))
        with pytest.raises(KafkaConnectionError, match=words) as caught:
            tokens.token()
        fault = translated(caught.value, "broker:9092")
        assert isinstance(fault, TransientError)
        assert f"KAFKA_SSL_CAFILE={cafile}: " in str(fault)
        cafile.write_bytes(authority.certificate.read_bytes())
        assert tokens.token() == "a"


@pytest.mark.parametrize(
    "cause",
    [OSError("disk"), ValueError("value"), UnicodeEncodeError("ascii", "ö", 0, 1, "no"), RuntimeError("thread")],
    ids=repr,
)
def test_every_error_of_a_request_reaches_the_login(monkeypatch: pytest.MonkeyPatch, cause: Exception) -> None:
    def fail(_: TokenEndpoint) -> None:
        raise cause

    monkeypatch.setattr(TokenEndpoint, "request", fail)
    with pytest.raises(KafkaConnectionError, match=type(cause).__name__) as caught:
        GrantedTokens(TokenEndpoint("https://idp/token", "worker", SECRET)).token()
    assert caught.value.__cause__ is cause


def test_an_address_that_cannot_be_sent_is_named_at_the_login() -> None:
    url = "http://127.0.0.1:9/tökén"
    with pytest.raises(KafkaConnectionError, match="UnicodeEncodeError") as caught:
        GrantedTokens(TokenEndpoint(url, "worker", SECRET)).token()
    assert SECRET not in str(caught.value)
