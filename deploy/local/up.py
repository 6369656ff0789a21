"""`up`: run the stack on well-known ports until Ctrl-C."""

from argparse import Namespace
from typing import Final, NoReturn

from deploy.local.embedded import EmbeddedServers
from deploy.local.ports import require_free
from deploy.local.progress import say
from deploy.local.stack import DEAD_LETTER_TOPIC, INPUT_TOPIC, KEY_PREFIX, OUTPUT_TOPIC, LocalStack
from deploy.local.supervisor import Supervisor

_GUIDE: Final = """
Kafka listens on localhost:{kafka}, Redis on localhost:{redis}; one worker is ready.

  live page          {page}
  publish a tweet    echo '{{"text":"so happy"}}' | kcat -P -b localhost:{kafka} -t {input}
  labelled tweets    kcat -C -b localhost:{kafka} -t {output} -o beginning
  dead letters       kcat -C -b localhost:{kafka} -t {dead_letter} -o beginning
  counts in Redis    redis-cli -p {redis} hgetall '{prefix}:counts'
  worker's metrics   http://localhost:{metrics}/metrics
  worker's log       tail -f {log}

Ctrl-C stops everything. Kafka and Redis keep their data in memory only: all tweets and counts are lost then.
"""


def up(options: Namespace, supervisor: Supervisor) -> NoReturn:
    """Run until a signal (StopRequestedError) or until a child process ends (LocalError)."""
    ports = {
        "Kafka": options.kafka_port,
        "Redis": options.redis_port,
        "worker's metrics": options.metrics_port,
        "live page": options.page_port,
    }
    for purpose, port in ports.items():
        require_free(port, purpose)
    stack = LocalStack(EmbeddedServers(options.kafka_port, options.redis_port), options.metrics_port, options.page_port)
    stack.start(supervisor)
    say(_guide(options, stack, supervisor))
    supervisor.watch()


def _guide(options: Namespace, stack: LocalStack, supervisor: Supervisor) -> str:
    return _GUIDE.format(
        page=stack.page,
        kafka=options.kafka_port,
        redis=options.redis_port,
        metrics=options.metrics_port,
        input=INPUT_TOPIC,
        output=OUTPUT_TOPIC,
        dead_letter=DEAD_LETTER_TOPIC,
        prefix=KEY_PREFIX,
        log=supervisor.folder / "worker.log",
    )
