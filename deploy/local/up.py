"""`up`: keeps the stack running on well-known ports until Ctrl-C."""

from argparse import Namespace
from typing import Final, NoReturn

from deploy.local.embedded import EmbeddedServers
from deploy.local.ports import require_free
from deploy.local.progress import say
from deploy.local.stack import DEAD_LETTER_TOPIC, INPUT_TOPIC, KEY_PREFIX, OUTPUT_TOPIC, LocalStack
from deploy.local.supervisor import Supervisor

_GUIDE: Final = """
Kafka listens on localhost:{kafka}, Redis on localhost:{redis}; one worker is ready.

  watch them         {page}
  publish a tweet    echo '{{"text":"so happy"}}' | kcat -P -b localhost:{kafka} -t {input}
  read the labels    kcat -C -b localhost:{kafka} -t {output} -o beginning
  and what failed    kcat -C -b localhost:{kafka} -t {dead_letter} -o beginning
  read the counts    redis-cli -p {redis} hgetall '{prefix}:counts'
  worker's metrics   http://localhost:{metrics}/metrics
  worker's log       tail -f {log}

Ctrl-C stops everything; the tweets are kept in memory only and are gone then.
"""


def up(options: Namespace, supervisor: Supervisor) -> NoReturn:
    """Runs until a signal or the death of a child, so it never returns."""
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
