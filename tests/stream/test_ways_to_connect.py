"""Every way to connect, on a real Kafka: tweets are processed, tokens expire without a loss, refusals are one line."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]

from dashboard.offsets_reader import OffsetsReader
from tests.certificates import Authority
from tests.servers import eventually, publish, unique_topics
from tests.stream.programs import StartWorker, run_program
from tests.stream.secured import PASSWORD, SESSION_S, SecuredStack, access_token, worker_permissions
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from tests.token_server import TokenServer, token_server
from worker.errors import ExitCode
from worker.settings import Settings

DONE_S = 120.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""

LIFETIME_S = 2 * SESSION_S
"""Lifetime of a token that expires during a test; every connection logs in again after SESSION_S."""

TOKENS_OUTLIVED = 3
"""So many tokens expire while the worker runs."""

LONG_S = 600.0
"""Lifetime of a token that does not expire during a test."""

pytestmark = [pytest.mark.servers, pytest.mark.apache, pytest.mark.timeout(300)]


@dataclass(frozen=True, slots=True)
class Way:
    """A user as the broker names it, and the settings with which the user connects."""

    user: str
    env: Mapping[str, str]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[TokenServer]:
    """Serve tokens of a user whose name is that of the endpoint."""
    with token_server(
        lambda: (200, {"access_token": access_token("endpoint", LONG_S), "expires_in": LONG_S})
    ) as server:
        yield server


def scram_256(stack: SecuredStack, *_: object) -> Way:
    stack.add_user("scram", PASSWORD, mechanism="SCRAM-SHA-256")
    return Way("scram", stack.environment("scram", PASSWORD, "SCRAM-SHA-256"))


def plain(stack: SecuredStack, *_: object) -> Way:
    return Way("worker", stack.environment("worker", PASSWORD, "PLAIN"))


def mutual_tls(stack: SecuredStack, *_: object) -> Way:
    return Way("CN=mutual", stack.mutual_tls_environment(stack.authority.certify("mutual")))


def mutual_tls_with_an_encrypted_key(stack: SecuredStack, *_: object) -> Way:
    client = stack.authority.certify("encrypted")
    key = {"KAFKA_SSL_KEYFILE": str(client.encrypted_key(PASSWORD)), "KAFKA_SSL_KEY_PASSWORD": PASSWORD}
    return Way("CN=encrypted", stack.mutual_tls_environment(client) | key)


def token_file(stack: SecuredStack, folder: Path, *_: object) -> Way:
    (folder / "token").write_text(access_token("file", LONG_S))
    return Way("file", stack.token_environment() | {"KAFKA_SASL_OAUTH_TOKEN_FILE": str(folder / "token")})


def token_endpoint(stack: SecuredStack, _: Path, server: TokenServer) -> Way:
    client = {"KAFKA_SASL_OAUTH_CLIENT_ID": "worker", "KAFKA_SASL_OAUTH_CLIENT_SECRET": PASSWORD}
    scope = {"KAFKA_SASL_OAUTH_SCOPE": "kafka"}
    url = {"KAFKA_SASL_OAUTH_TOKEN_URL": server.url}
    return Way("endpoint", stack.token_environment() | url | client | scope)


@pytest.mark.parametrize(
    "way", [scram_256, plain, mutual_tls, mutual_tls_with_an_encrypted_key, token_file, token_endpoint]
)
def test_producer_worker_and_page_connect(
    secured_stack: SecuredStack,
    endpoint: TokenServer,
    start_worker: StartWorker,
    tmp_path: Path,
    way: Callable[[SecuredStack, Path, TokenServer], Way],
) -> None:
    connecting = way(secured_stack, tmp_path, endpoint)
    env = {**unique_topics(secured_stack, 3), **connecting.env}
    writes = (ResourceType.TOPIC, env["KAFKA_INPUT_TOPIC"], AclOperation.WRITE)
    secured_stack.allow(connecting.user, [*worker_permissions(env), writes])
    verifier = Verifier(secured_stack, env)
    replay(env, tweets=300)
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    assert len(verifier.check_all_done(300).labelled) == 300
    with OffsetsReader(settings_of(env)) as reader:
        assert sum((reader.read().committed or {}).values()) == 300
    assert worker.terminate() == ExitCode.OK
    assert PASSWORD not in worker.log


def test_an_expiring_token_in_a_file_loses_nothing(
    secured_stack: SecuredStack, start_worker: StartWorker, tmp_path: Path
) -> None:
    env = token_file_environment(secured_stack, "expiring", tmp_path / "token", partitions=3)
    with renewed(tmp_path / "token", "expiring", lifetime_s=LIFETIME_S, every_s=LIFETIME_S / 4):
        outlive_tokens(secured_stack, env, start_worker)


def test_an_expiring_token_of_an_endpoint_loses_nothing(
    secured_stack: SecuredStack, endpoint: TokenServer, start_worker: StartWorker
) -> None:
    env = {**unique_topics(secured_stack, 3), **token_endpoint(secured_stack, Path(), endpoint).env}
    secured_stack.allow("short", worker_permissions(env))
    with token_server(
        lambda: (200, {"access_token": access_token("short", LIFETIME_S), "expires_in": LIFETIME_S})
    ) as short:
        outlive_tokens(secured_stack, env | {"KAFKA_SASL_OAUTH_TOKEN_URL": short.url}, start_worker)
        assert len(short.requests) >= TOKENS_OUTLIVED


def test_a_token_that_is_renewed_too_late_loses_nothing(
    secured_stack: SecuredStack, start_worker: StartWorker, tmp_path: Path
) -> None:
    env = token_file_environment(secured_stack, "late", tmp_path / "token", partitions=3)
    verifier = Verifier(secured_stack, env)
    (tmp_path / "token").write_text(access_token("late", LONG_S))
    worker = start_worker(env)
    worker.wait_ready()
    publish(secured_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(3_000, partitions=3))
    (tmp_path / "token").write_text(access_token("late", SESSION_S))
    eventually(lambda: "refuses the login" in worker.log, DONE_S, "the token has expired")
    (tmp_path / "token").write_text(access_token("late", LONG_S))
    verifier.wait_until_done(DONE_S)
    assert len(verifier.check_all_done(3_000).labelled) == 3_000
    assert worker.terminate() == ExitCode.OK


def test_an_expired_token_is_refused_in_one_line(secured_stack: SecuredStack, tmp_path: Path) -> None:
    env = token_file_environment(secured_stack, "expired", tmp_path / "token", partitions=1)
    (tmp_path / "token").write_text(access_token("expired", -60))
    assert "the access token and its expiry" in refusal(env)


def test_a_token_endpoint_that_refuses_the_client_is_one_line(
    secured_stack: SecuredStack, endpoint: TokenServer
) -> None:
    way = token_endpoint(secured_stack, Path(), endpoint)
    with token_server(lambda: (401, {"error": "invalid_client"})) as refusing:
        line = refusal({**unique_topics(secured_stack, 1), **way.env, "KAFKA_SASL_OAUTH_TOKEN_URL": refusing.url})
    assert "invalid_client" in line
    assert "KAFKA_SASL_OAUTH_CLIENT_SECRET" in line


def test_a_missing_certificate_of_the_client_is_one_line_that_names_the_setting(secured_stack: SecuredStack) -> None:
    env = {**unique_topics(secured_stack, 1), **secured_stack.mutual_tls_environment(None)}
    assert "KAFKA_SSL_CERTFILE" in refusal(env)


def test_a_certificate_of_an_unknown_authority_is_one_line_that_names_the_setting(
    secured_stack: SecuredStack, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path).certify("stranger")
    env = {**unique_topics(secured_stack, 1), **secured_stack.mutual_tls_environment(stranger)}
    assert "KAFKA_SSL_CERTFILE" in refusal(env)


def test_an_authority_that_did_not_sign_the_brokers_certificate_is_named(
    secured_stack: SecuredStack, tmp_path: Path
) -> None:
    env = {**unique_topics(secured_stack, 1), **plain(secured_stack).env}
    client = secured_stack.authority.certify("no-authority")
    line = refusal(env | {"KAFKA_SSL_CAFILE": str(client.certificate)})
    assert "KAFKA_SSL_CAFILE" in line
    assert env["KAFKA_BOOTSTRAP_SERVERS"] in line


@pytest.mark.parametrize("program", ["worker", "producer", "create-topics", "verify"])
def test_an_advertised_address_that_cannot_be_reached_is_named_with_the_setting_of_the_broker(
    secured_stack: SecuredStack, program: str
) -> None:
    lost = program in ("worker", "producer")
    listener, advertised = (
        (secured_stack.lost, secured_stack.unreachable)
        if lost
        else (secured_stack.nameless, secured_stack.unresolvable)
    )
    env = {**unique_topics(secured_stack, 1), "KAFKA_BOOTSTRAP_SERVERS": listener}
    line = refused_replay(env) if program == "producer" else refusal(env, *([] if program == "worker" else [program]))
    assert f"Kafka at {listener} answers" in line
    assert advertised in line
    assert "advertised.listeners" in line
    assert "does not exist" not in line


def replay(env: Mapping[str, str], *, tweets: int) -> None:
    """Send tweets with the project's own producer."""
    done = producer(env, "--limit", str(tweets))
    assert done.returncode == ExitCode.OK, done.stderr


def refused_replay(env: Mapping[str, str]) -> str:
    """Run a producer that cannot start; return the line in which the producer says why."""
    done = producer(env)
    assert done.returncode == ExitCode.KAFKA, done.stderr
    return done.stderr.splitlines()[-1]


def producer(env: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "producer", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=DONE_S,
        check=False,
    )


def refusal(env: Mapping[str, str], *arguments: str) -> str:
    """Run a program of the worker that cannot start; return the one line that the program logs."""
    ended = run_program({**env, "LOG_LEVEL": "ERROR", "METRICS_PORT": "0"}, *arguments)
    assert ended.code == ExitCode.KAFKA, ended.err
    (line,) = ended.err.splitlines()
    assert PASSWORD not in line
    return line


def token_file_environment(stack: SecuredStack, user: str, path: Path, *, partitions: int) -> dict[str, str]:
    """Return the settings of a worker that logs in with the token in a file."""
    path.write_text(access_token(user, LONG_S))
    token = {"KAFKA_SASL_OAUTH_TOKEN_FILE": str(path)}
    env = {**unique_topics(stack, partitions), **stack.token_environment(), **token}
    stack.allow(user, worker_permissions(env))
    return env


def outlive_tokens(stack: SecuredStack, env: Mapping[str, str], start_worker: StartWorker) -> None:
    """Let a worker process tweets without a pause, be idle until several tokens have expired, and process more."""
    verifier = Verifier(stack, env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(3_000, partitions=3))
    end_s = time.monotonic() + TOKENS_OUTLIVED * LIFETIME_S
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    eventually(lambda: time.monotonic() > end_s, DONE_S, "several tokens have expired")
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(300, partitions=3))
    verifier.wait_until_done(DONE_S)
    assert len(verifier.check_all_done(3_300).labelled) == 3_300
    assert worker.terminate() == ExitCode.OK


def settings_of(env: Mapping[str, str]) -> Settings:
    known: dict[str, Any] = {
        name.lower(): value for name, value in env.items() if name.lower() in Settings.model_fields
    }
    return Settings(_env_file=None, **known)


@contextmanager
def renewed(path: Path, user: str, *, lifetime_s: float, every_s: float) -> Iterator[None]:
    """Replace the token in a file again and again, as the agent of a platform does."""
    ended = threading.Event()

    def renew() -> None:
        while True:
            path.with_suffix(".new").write_text(access_token(user, lifetime_s))
            path.with_suffix(".new").replace(path)
            if ended.wait(every_s):
                return

    renewing = threading.Thread(target=renew)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
