"""Access tokens: read again at every login, renewed before they expire, and one line when there is none."""

import base64
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.errors import KafkaConnectionError

from tests.certificates import Authority
from tests.token_server import TokenServer, token_server
from worker import time_limits
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.access_tokens import GrantedTokens, TokenFile, token_provider
from worker.kafka.errors import translated
from worker.kafka.token_endpoint import TokenEndpoint, TokenRefusedError
from worker.settings import Settings
from worker.time_limits import TimeLimit

SECRET = "hunter2 &:ä"


@pytest.fixture
def server() -> Iterator[TokenServer]:
    numbers = iter(range(1, 1000))
    with token_server(lambda: (200, {"access_token": f"token-{next(numbers)}", "expires_in": 300})) as server:
        yield server


def endpoint(server: TokenServer, scope: str | None = None) -> TokenEndpoint:
    return TokenEndpoint(server.url, "worker", SECRET, scope=scope)


class Clock:
    """Replaces the module `time` of the access tokens."""

    def __init__(self) -> None:
        self.now_s = time.monotonic()

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("worker.kafka.access_tokens.time", clock)
    return clock


def test_the_file_is_read_again_at_every_login(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    tokens = TokenFile(path)
    assert tokens.token() == "first"
    path.write_text("second\r\n")
    assert tokens.token() == "second"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "one access token and nothing else"),
        (b"\n", "one access token and nothing else"),
        (b"Bearer abc", "one access token and nothing else"),
        (b"one\ntwo\n", "one access token and nothing else"),
        (b"abc\x01auth=x", "one access token and nothing else"),
        (b"\xff\xfea\x00", "not ASCII"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_file_without_a_token_is_named_and_tried_again(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    tokens = TokenFile(path)
    with pytest.raises(KafkaConnectionError) as caught:
        tokens.token()
    fault = translated(caught.value, "broker:9092")
    assert isinstance(fault, TransientError)
    assert f"KAFKA_SASL_OAUTH_TOKEN_FILE={path}: " in str(fault)
    assert words in str(fault)
    path.write_text("renewed")
    assert tokens.token() == "renewed"


def test_the_request_has_the_clients_name_and_secret_encoded_and_the_scope(server: TokenServer) -> None:
    assert endpoint(server, "kafka read").request().token == "token-1"
    ((authorization, form),) = server.requests
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"worker:hunter2+%26%3A%C3%A4"
    assert form == {"grant_type": ["client_credentials"], "scope": ["kafka read"]}
    endpoint(server).request()
    assert "scope" not in server.requests[1][1]


def test_clients_share_a_token_until_most_of_its_lifetime_has_passed(server: TokenServer, clock: Clock) -> None:
    tokens = GrantedTokens(endpoint(server))
    assert {tokens.token() for _ in range(3)} == {"token-1"}
    clock.now_s += 230
    assert tokens.token() == "token-1"
    clock.now_s += 20  # 250 s of 300 s; kafka-python logs in again from 255 s on
    assert tokens.token() == "token-2"
    assert len(server.requests) == 2


def test_all_clients_of_a_process_ask_once(server: TokenServer) -> None:
    settings = Settings(
        _env_file=None,
        kafka_sasl_oauth_token_url=server.url,
        kafka_sasl_oauth_client_id="worker",
        kafka_sasl_oauth_client_secret=SECRET,
    )
    assert [token_provider(settings).token() for _ in range(2)] == ["token-1", "token-1"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("lifetime", [None, "soon", 0, -1, "NaN", 1e400])
def test_a_token_without_a_lifetime_is_renewed_at_every_login(server: TokenServer, lifetime: object) -> None:
    numbers = iter(range(1, 100))
    server.answer = lambda: (200, {"access_token": f"token-{next(numbers)}", "expires_in": lifetime})
    tokens = GrantedTokens(endpoint(server))
    assert [tokens.token(), tokens.token()] == ["token-1", "token-2"]


def test_a_lifetime_may_be_text(server: TokenServer) -> None:
    server.answer = lambda: (200, {"access_token": "a", "expires_in": "60"})
    assert endpoint(server).request().lifetime_s == 60


def test_the_old_token_serves_until_it_expires_while_the_endpoint_fails(
    server: TokenServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = GrantedTokens(endpoint(server))
    tokens.token()
    server.answer = lambda: (503, b"")
    clock.now_s += 250
    with caplog.at_level(logging.WARNING):
        assert tokens.token() == "token-1"
    assert "answers 503): the old one is valid for 50 s" in caplog.text
    clock.now_s += 50
    with pytest.raises(KafkaConnectionError, match="answers 503"):
        tokens.token()
    server.answer = lambda: (200, {"access_token": "again", "expires_in": 300})
    assert tokens.token() == "again"


def test_a_slow_endpoint_does_not_hold_up_the_network_thread_and_its_answer_is_used_later(
    server: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limits, "TOKEN_WAIT", TimeLimit(0, "not at all"))
    tokens = GrantedTokens(endpoint(server))
    with pytest.raises(KafkaConnectionError, match="no answer yet"):
        tokens.token()
    monkeypatch.setattr(time_limits, "TOKEN_WAIT", TimeLimit(30, "until the answer"))
    assert tokens.token() == "token-1"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {"error": "invalid_client", "error_description": "no\nsuch client"}, "(invalid_client: no such client)"),
        (400, {"error": "invalid_scope"}, "answers 400 (invalid_scope)"),
        (403, b"<html>", "answers 403 (Forbidden)"),
        (404, b"", "answers 404 (Not Found)"),
        (302, b"", "answers 302 (Found)"),
        (400, {"error": "x" * 5_000}, "x" * 200 + ")"),
        (200, b"<html>", "without an access_token"),
        (200, b"[" * 100_000, "without an access_token"),
        (200, {"token": "abc"}, "without an access_token"),
        (200, {"access_token": 5}, "without an access_token"),
    ],
)
def test_an_endpoint_that_gives_no_token_is_fatal_and_names_what_to_check(
    server: TokenServer, status: int, body: object, words: str
) -> None:
    server.answer = lambda: (status, body)
    with pytest.raises(TokenRefusedError) as caught:
        GrantedTokens(endpoint(server)).token()
    fault = translated(caught.value, "broker:9092")
    assert isinstance(fault, FatalError)
    assert fault.exit_code is ExitCode.KAFKA
    assert words in str(fault)
    assert server.url in str(fault)
    assert "\n" not in str(fault)
    assert "hunter2" not in str(fault)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_an_endpoint_that_may_recover_is_asked_again(server: TokenServer, status: int) -> None:
    server.answer = lambda: (status, b"")
    tokens = GrantedTokens(endpoint(server))
    with pytest.raises(KafkaConnectionError, match=f"answers {status}"):
        tokens.token()
    server.answer = lambda: (200, {"access_token": "a"})
    assert tokens.token() == "a"


def test_a_token_that_would_break_the_login_is_not_sent(server: TokenServer) -> None:
    server.answer = lambda: (200, {"access_token": "a\x01auth=Bearer b"})
    with pytest.raises(KafkaConnectionError, match="no valid token"):
        GrantedTokens(endpoint(server)).token()


def test_an_endpoint_that_does_not_answer_is_named() -> None:
    with socket.socket() as bound:  # bound and not listening: no other program can answer on this port
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/token"
        with pytest.raises(KafkaConnectionError, match="refused") as caught:
            TokenEndpoint(url, "worker", SECRET).request()
    assert f"KAFKA_SASL_OAUTH_TOKEN_URL={url}: does not answer" in str(caught.value)


def test_an_authority_of_the_users_own_is_trusted_and_no_other(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with token_server(lambda: (200, {"access_token": "a"}), authority.certify("localhost")) as server:
        assert TokenEndpoint(server.url, "worker", SECRET, cafile=authority.certificate).request().token == "a"
        with pytest.raises(KafkaConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            TokenEndpoint(server.url, "worker", SECRET).request()


def test_no_text_of_an_endpoint_has_the_secret() -> None:
    assert "hunter2" not in repr(TokenEndpoint("https://idp/token", "worker", SECRET))
