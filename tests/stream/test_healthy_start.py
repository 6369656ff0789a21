"""A healthy start logs no warning and no error, on a cluster that has never been used."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.children import Child
from tests.servers import ApacheStack, EmbeddedStack, Stack, eventually, kafka_home, running_stack
from tests.stream.programs import StartWorker, run_program
from tests.stream.verifier import Verifier

DONE_S = 120.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.apache)])
def unused_stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    stack = EmbeddedStack(tmp_path) if request.param == "embedded" else ApacheStack(tmp_path, kafka_home())
    with running_stack(stack):
        yield stack


def test_page_workers_and_producer_start_without_a_warning(
    unused_stack: Stack, start_worker: StartWorker, tmp_path: Path
) -> None:
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": unused_stack.bootstrap,
        "REDIS_URL": unused_stack.redis_url,
        "KAFKA_GROUP_ID": "group",
        "KAFKA_INPUT_TOPIC": "in",
        "KAFKA_OUTPUT_TOPIC": "out",
        "KAFKA_DEAD_LETTER_TOPIC": "dead",
        "KAFKA_CHECKPOINT_TOPIC": "checkpoints",
        "REDIS_KEY_PREFIX": "{healthy}",
        "DASHBOARD_PORT": "0",
    }
    created = run_program(env, "create-topics", "--partitions", "4")
    page = Child(
        "page", [sys.executable, "-m", "dashboard"], env={**os.environ, **env}, log=tmp_path / "page.log", stop_s=20
    )
    try:
        # The embedded Kafka is for the one worker of `make up`.
        workers = [start_worker(env) for _ in range(2 if unused_stack.kind == "apache" else 1)]
        for each in workers:
            each.wait_ready()
        sent = subprocess.run(
            [sys.executable, "-m", "producer", "--limit", "200"],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=DONE_S,
            check=True,
        )
        Verifier(unused_stack, env).wait_until_done(DONE_S)
        eventually(lambda: "Kafka at" in page.log.read_text(), DONE_S, "the page reads from Kafka")
        programs = [created.err, sent.stderr, page.log.read_text(), *(worker.log for worker in workers)]
        assert [line for text in programs for line in text.splitlines() if " INFO " not in line] == []
    finally:
        page.stop()
