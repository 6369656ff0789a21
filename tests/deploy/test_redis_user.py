"""The user of docker-compose.yml on a real redis-server: the programs need no more rights, and no client has more."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from deploy.interfaces import REDIS_COMMANDS
from deploy.local.children import Child
from deploy.local.ports import LOOPBACK, free_ports
from tests.dashboard.page_process import PageProcess
from tests.redis_server import needs_redis_server
from tests.servers import Stack, eventually, publish, unique_topics
from tests.stream.programs import StartWorker, verify
from tests.stream.tweets import sample_tweets
from tests.worker.redis_publishing import P0, committed
from worker.errors import ExitCode
from worker.redis.store import CountsStore

pytestmark = [needs_redis_server, pytest.mark.timeout(300)]

DOCKER = Path(__file__).parents[2] / "deploy" / "docker"
START_S = 20.0
COUNTED_S = 90.0


class ServerOfCompose:
    """A redis-server as docker-compose.yml starts it, with a secret of make_secrets.sh."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = free_ports(1)
        subprocess.run([DOCKER / "make_secrets.sh"], env={**os.environ, "SECRETS_DIR": str(folder)}, check=True)
        self.secret = folder / "redis_url"
        self.inside = self.secret.read_text(encoding="utf-8").strip()
        self.url = self.inside.replace("@redis:6379", f"@{LOOPBACK}:{self.port}")
        self.env = {**os.environ, "REDIS_URL_FILE": str(self.secret), "REDIS_USERS_FILE": str(folder / "users.acl")}
        command = [
            DOCKER / "redis.sh",
            "server",
            "--bind",
            LOOPBACK,
            "--port",
            self.port,
            "--dir",
            folder,
            "--save",
            "",
        ]
        self.child = Child("redis", [str(word) for word in command], env=self.env, log=folder / "redis.log", stop_s=5)
        eventually(lambda: self.cli("ping") == "PONG\n", START_S, "redis-server answers its user")

    def cli(self, *arguments: str) -> str:
        """Return what redis.sh cli prints."""
        command = [str(DOCKER / "redis.sh"), "cli", "-p", str(self.port), *arguments]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False, timeout=30)
        return done.stdout

    def client(self, **login: str | None) -> Any:
        return redis.Redis(host=LOOPBACK, port=self.port, decode_responses=True, protocol=2, **login)  # type: ignore[arg-type]


@contextmanager
def running(folder: Path) -> Iterator[ServerOfCompose]:
    server = ServerOfCompose(folder)
    try:
        yield server
    finally:
        server.child.kill()
        eventually(lambda: server.child.exit_code is not None, 5, "redis-server is gone")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerOfCompose]:
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.mark.slow
def test_worker_page_and_verify_work_as_this_user(
    server: ServerOfCompose, embedded_stack: Stack, start_worker: StartWorker, tmp_path: Path
) -> None:
    env = unique_topics(embedded_stack, 3) | {"REDIS_URL": server.url, "REDIS_KEY_PREFIX": "{emotion}"}
    publish(embedded_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(50, partitions=3))
    worker = start_worker(env)

    def total() -> int:
        return sum(int(count) for count in server.cli("hvals", "{emotion}:counts").split())

    eventually(lambda: total() == 50, COUNTED_S, "Redis has counted all tweets")
    page = PageProcess(env, tmp_path)
    try:
        eventually(lambda: "Redis answers" in page.log, COUNTED_S, "the page reads the counts")
        assert "cannot read the counts" not in page.log
    finally:
        page.kill()
    assert verify(env).code == ExitCode.OK
    server.cli("hset", "{emotion}:counts", "joy", "1000000")
    assert verify(env, "--repair").code == ExitCode.OK
    assert total() == 50
    assert "Redis does not accept" not in worker.log


def test_the_counts_are_published_corrected_and_repaired_as_this_user(server: ServerOfCompose) -> None:
    store = CountsStore(server.url, prefix="{emotion}:test", group="g")
    assert store.publish({P0: committed(3)}) == {P0: "applied"}
    assert store.counted([P0]) == {P0: 3}
    store.repair({P0: committed(5)})
    assert store.snapshot()[0] == {"joy": 5}
    store.close()


@pytest.mark.parametrize(
    "command",
    [
        ("FLUSHALL",),
        ("FLUSHDB",),
        ("CONFIG", "SET", "dir", "/tmp"),
        ("CONFIG", "GET", "*"),
        ("KEYS", "*"),
        ("DEL", "{emotion}:counts"),
        ("SET", "{emotion}:counts", "1"),
        ("EVAL", "return 1", "0"),
        ("SCRIPT", "FLUSH"),
        ("ACL", "LIST"),
        ("ACL", "SETUSER", "x"),
        ("SHUTDOWN", "NOSAVE"),
        ("REPLICAOF", LOOPBACK, "1"),
        ("MONITOR",),
        ("CLIENT", "LIST"),
        ("SELECT", "1"),
        ("HGETALL", "other"),
        ("HSET", "emotion:counts", "joy", "1"),
        ("PUBLISH", "channel", "x"),
    ],
    ids=" ".join,
)
def test_other_commands_and_keys_are_refused(server: ServerOfCompose, command: tuple[str, ...]) -> None:
    with redis.Redis.from_url(server.url) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command)


@pytest.mark.parametrize(
    "login", [{}, {"password": ""}, {"username": "default", "password": "x"}, {"username": "emotion", "password": "x"}]
)
def test_no_client_works_without_the_password(server: ServerOfCompose, login: dict[str, str]) -> None:
    with server.client(**login) as client, pytest.raises((redis.AuthenticationError, redis.ResponseError)) as caught:
        client.hgetall("{emotion}:counts")
    assert re.search(r"Authentication required|invalid username-password|WRONGPASS", str(caught.value))


def test_the_rules_are_the_commands_of_the_reference() -> None:
    (rules,) = re.findall(r"^rules='(.*)'$", (DOCKER / "redis.sh").read_text(encoding="utf-8"), re.MULTILINE)
    granted = set(re.findall(r"\+(\S+)", rules))
    needed = {
        name for program, names in REDIS_COMMANDS if "Cluster" not in program for name in re.findall(r"`(\S+)`", names)
    }
    assert granted == needed | {"ping"}
    assert rules.startswith("~{emotion}:* resetchannels -@all ")


def test_the_secret_is_random_stays_the_same_and_is_hidden_from_other_users(tmp_path: Path) -> None:
    made = []
    for name in ("one", "other", "one"):
        env = {**os.environ, "SECRETS_DIR": str(tmp_path / name)}
        subprocess.run([DOCKER / "make_secrets.sh"], env=env, check=True, capture_output=True)
        made.append((tmp_path / name / "redis_url").read_text(encoding="utf-8"))
    assert made[0] == made[2] != made[1]
    assert all(re.fullmatch(r"redis://emotion:[0-9a-f]{64}@redis:6379/0\n", url) for url in made)
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "one" / "redis_url").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o750], ids=oct)
def test_a_folder_that_exists_is_closed_to_other_users(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    env = {**os.environ, "SECRETS_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([DOCKER / "make_secrets.sh"], env=env, check=True, capture_output=True)
        assert tmp_path.stat().st_mode & 0o777 == 0o700
        tmp_path.chmod(mode)


def test_an_interrupted_write_leaves_no_secret_and_the_next_run_makes_it(tmp_path: Path) -> None:
    env = {**os.environ, "SECRETS_DIR": str(tmp_path)}
    no_file_may_grow = f"ulimit -f 0; exec {DOCKER / 'make_secrets.sh'}"
    assert subprocess.run(["sh", "-c", no_file_may_grow], env=env, check=False, capture_output=True).returncode != 0
    assert not (tmp_path / "redis_url").exists()
    subprocess.run([DOCKER / "make_secrets.sh"], env=env, check=True, capture_output=True)
    assert [file.name for file in tmp_path.iterdir()] == ["redis_url"]
    assert (tmp_path / "redis_url").read_text(encoding="utf-8").startswith("redis://emotion:")


def test_an_empty_secret_of_an_interrupted_run_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "redis_url").touch()
    env = {**os.environ, "SECRETS_DIR": str(tmp_path)}
    subprocess.run([DOCKER / "make_secrets.sh"], env=env, check=True, capture_output=True)
    assert (tmp_path / "redis_url").read_text(encoding="utf-8").startswith("redis://emotion:")


def test_without_random_bytes_there_is_no_secret(tmp_path: Path) -> None:
    od = tmp_path / "od"
    od.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    od.chmod(0o755)
    env = {**os.environ, "SECRETS_DIR": str(tmp_path / "secrets"), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert subprocess.run([DOCKER / "make_secrets.sh"], env=env, check=False, capture_output=True).returncode != 0
    assert not (tmp_path / "secrets" / "redis_url").exists()


def test_the_password_is_in_no_argument_and_no_list_of_users(server: ServerOfCompose) -> None:
    password = server.inside.removeprefix("redis://emotion:").partition("@")[0]
    arguments = Path(f"/proc/{server.child.pid}/cmdline").read_bytes()
    assert b"redis-server" in arguments
    assert password.encode() not in arguments
    assert password not in Path(server.env["REDIS_USERS_FILE"]).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("secret", "line"),
    [
        (None, "cannot be read: make the secret with deploy/docker/make_secrets.sh"),
        ("", "is not redis://user:password@host:port/0"),
        ("hunter2", "is not redis://user:password@host:port/0"),
        ("redis://redis:6379/0", "is not redis://user:password@host:port/0"),
        ("redis://emotion:@redis:6379/0", "is not redis://user:password@host:port/0"),
        ("redis://emotion:hunter2 ~*@redis:6379/0", "user and password may have letters, digits, _ and - only"),
        ("redis://emotion:hunter2%20@redis:6379/0", "user and password may have letters, digits, _ and - only"),
    ],
)
def test_a_wrong_secret_is_one_line_without_the_password(tmp_path: Path, secret: str | None, line: str) -> None:
    file = tmp_path / "redis_url"
    if secret is not None:
        file.write_text(secret, encoding="utf-8")
    env = {**os.environ, "REDIS_URL_FILE": str(file), "REDIS_USERS_FILE": str(tmp_path / "users.acl")}
    for command in ("server", "cli"):
        done = subprocess.run([DOCKER / "redis.sh", command], env=env, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert done.stderr.startswith(f"redis.sh: {file}")
        assert line in done.stderr
        assert "hunter2" not in done.stderr
