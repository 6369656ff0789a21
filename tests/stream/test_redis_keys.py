"""Keys of Redis that are lost, damaged or forbidden while a real worker runs: the counts heal, or a line names why."""

import pytest
import redis as redis_client

from tests.servers import ApacheStack, Stack, eventually, publish, unique_topics
from tests.stream.programs import StartWorker, verify
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from worker.errors import ExitCode

PARTITIONS = 3
DONE_S = 120.0
AGREES_S = 30.0
LOG_S = 20.0

pytestmark = pytest.mark.timeout(300)


def test_lost_edited_and_foreign_keys_heal_while_the_worker_runs(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, PARTITIONS)
    verifier = Verifier(stack, env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(300, partitions=PARTITIONS))
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    verifier.check_all_done(300)
    counts, partitions, fences = keys = [verifier.redis_key(name) for name in ("counts", "partitions", "fences")]
    with verifier.redis() as client:
        before = [client.hgetall(key) for key in keys]
        for damage in (
            ("DEL", counts),
            ("DEL", partitions),
            ("DEL", counts, fences),
            ("HINCRBY", counts, "joy", 5),
            ("HSET", counts, "joy", "x"),
        ):
            client.execute_command(*damage)
            eventually(lambda: [client.hgetall(key) for key in keys] == before, AGREES_S, "all keys are right again")
        for key in (counts, partitions, fences):
            client.hset(key, b"\xff\xfe", b"\xff")
        assert verify(env).code == ExitCode.OK
        for key in keys:
            client.hdel(key, b"\xff\xfe")
    verifier.check_all_done(300)
    assert worker.exit_code is None
    assert "UnicodeDecodeError" not in worker.log


def test_a_key_of_another_type_is_named_by_worker_and_verify_and_heals_when_it_is_deleted(
    stack: Stack, start_worker: StartWorker
) -> None:
    env = unique_topics(stack, PARTITIONS)
    verifier = Verifier(stack, env)
    counts = verifier.redis_key("counts")
    with verifier.redis() as client:
        client.set(counts, "x")
        publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(100, partitions=PARTITIONS))
        worker = start_worker(env)
        verifier.wait_until_done(DONE_S)
        eventually(lambda: f"the key {counts} is not a hash" in worker.log, LOG_S, "the log names the key")
        refused = verify(env)
        assert (refused.code, len(refused.err.splitlines())) == (ExitCode.REDIS, 1), refused
        assert counts in refused.err
        client.delete(counts)
    verifier.check_all_done(100)
    assert verify(env).code == ExitCode.OK


def test_a_user_without_expire_counts_nothing_twice_and_the_log_says_what_to_grant(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    verifier = Verifier(apache_stack, env)
    user = f"user-{env['REDIS_KEY_PREFIX'].strip('{}')}"
    rules = ("on", ">secret", "~*", "-@all", "+@hash", "+@scripting", "+@connection")
    url = f"redis://{user}:secret@127.0.0.1:{apache_stack.redis_port}/0"
    with redis_client.Redis.from_url(apache_stack.redis_url) as client:
        client.execute_command("ACL", "SETUSER", user, *rules)
        publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(100, partitions=PARTITIONS))
        worker = start_worker(env | {"REDIS_URL": url})
        verifier.wait_until_done(DONE_S)
        failed = 'emotion_counts_published_total{outcome="failed"}'
        eventually(lambda: worker.metrics()[failed] >= 9, LOG_S, "at least three rounds have failed")
        assert "may not run EXPIRE; grant the command: ACL SETUSER <user> +expire" in worker.log
        assert verifier.redis_totals() == {}
        client.execute_command("ACL", "SETUSER", user, "+expire")
        verifier.check_all_done(100)
        assert sum(verifier.redis_totals().values()) == 100
        refused = verify(env | {"REDIS_URL": url})  # lacks MULTI
        assert (refused.code, len(refused.err.splitlines())) == (ExitCode.REDIS, 1), refused
        assert "may not run MULTI; grant the command: ACL SETUSER <user> +multi" in refused.err
        client.execute_command("ACL", "SETUSER", user, "+multi", "+exec")
        assert verify(env | {"REDIS_URL": url}).code == ExitCode.OK
