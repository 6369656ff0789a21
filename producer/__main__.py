"""`python -m producer`: sends a data set to Kafka and prints one JSON object at the end."""

import json
import logging
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice

from producer.connection import DELIVERY_LIMIT_S, connected
from producer.deliveries import Deliveries
from producer.options import parse
from producer.order import ReplayOrder, tweets
from producer.pacing import Pacer
from producer.progress import progress
from producer.replay import Replay
from tweets.datasets import DatasetError, Row, dataset_name, read_rows
from tweets.tweet import Tweet
from worker.errors import ExitCode, FatalError, TransientError
from worker.process.logs import configure_logging
from worker.process.stop import StopFlag
from worker.settings import Settings, load_settings

log = logging.getLogger("producer")

WINDOW_TWEETS = 10_000
"""Limit of tweets that are sent and not yet acknowledged: a few megabytes, and enough for every partition."""
ACKNOWLEDGE_LIMIT_S = DELIVERY_LIMIT_S + 6
"""The client fails a tweet after DELIVERY_LIMIT_S; the margin is for a client that hangs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code, one of `worker.errors.ExitCode`."""
    options = parse(arguments)
    try:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format)
        # The client also logs every error that it raises or overcomes; one line with the cause is easier to find.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        return _run(options, settings)
    except DatasetError as error:
        return _give_up(error, ExitCode.SETTINGS)
    except FatalError as error:
        return _give_up(error, error.exit_code)
    except TransientError as error:
        return _give_up(error, ExitCode.KAFKA)
    except KeyboardInterrupt:  # Ctrl-C before `stop.listen`
        return _give_up("stopped before the first tweet was sent", ExitCode.OK)
    except Exception:
        log.exception("unexpected error, a bug")
        return ExitCode.BUG


def _run(options: Namespace, settings: Settings) -> ExitCode:
    read = partial(read_rows, options.dataset, options.split)
    total = _total(read(), options)
    stop = StopFlag()
    with connected(settings) as send:
        replay = Replay(
            send=send,
            deliveries=Deliveries(window=WINDOW_TWEETS, limit_s=ACKNOWLEDGE_LIMIT_S),
            pacer=Pacer(options.rate),
            stopped=stop.is_set,
        )
        stop.listen()
        try:
            with progress(total, terminal=sys.stderr.isatty()) as shown:
                replay.run(_tweets(read, options), shown)
        finally:
            print(json.dumps(asdict(replay.summary())), flush=True)
    return _verdict(replay.deliveries)


def _total(rows: Iterator[Row], options: Namespace) -> int | None:
    """Return the number of tweets to send, or None if the number is unknown.

    Counting reads the data set a second time, so only a progress bar on a terminal is a reason to count.
    """
    if options.loop or not sys.stderr.isatty():
        return None if options.limit is None else int(options.limit)
    return sum(1 for _ in islice(rows, options.limit))


def _tweets(read: Callable[[], Iterator[Row]], options: Namespace) -> Iterator[Tweet]:
    order = ReplayOrder(loop=options.loop, seed=options.seed, limit=options.limit)
    return tweets(read, prefix=f"{dataset_name(options.dataset)}-{options.split}", order=order)


def _verdict(deliveries: Deliveries) -> ExitCode:
    error = deliveries.error
    if error is None:
        return ExitCode.OK
    counts = f"Kafka acknowledged {deliveries.acknowledged} tweets and not {deliveries.failed} others"
    return _give_up(f"{counts}; first error: {_named(error)}", ExitCode.KAFKA)


def _named(error: Exception) -> str:
    name, text = type(error).__name__, str(error)
    return (
        text if text.startswith(name) else f"{name}: {text}"
    )  # the texts of kafka-python's errors begin with the name


def _give_up(reason: object, code: ExitCode) -> ExitCode:
    log.error("%s", " ".join(str(reason).split()))
    return code


if __name__ == "__main__":
    sys.exit(main())
