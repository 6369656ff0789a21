"""The command line of `python -m producer`."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from tweets.datasets import SAMPLE, SAMPLE_DEV
from worker.process.option_types import not_negative, positive


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Return the parsed arguments (None: of this process); a wrong argument ends the process with exit code 2."""
    parser = ArgumentParser(
        prog="python -m producer",
        description="Send the tweets of a data set to Kafka and wait for every acknowledgement. The last "
        "line on stdout is one JSON object. Broker, topic and login come from the environment: "
        "KAFKA_BOOTSTRAP_SERVERS, KAFKA_INPUT_TOPIC, KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_*, KAFKA_SSL_*.",
    )
    _add_what_to_send(parser)
    _add_how_to_send(parser)
    return parser.parse_args(arguments)


def _add_what_to_send(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--dataset",
        default=SAMPLE,
        metavar="NAME_OR_PATH",
        help=f"{SAMPLE} or {SAMPLE_DEV} (shipped with the package), a folder that holds <split>.jsonl, .csv, .parquet "
        "or .txt, one such file, or a hub id such as dair-ai/emotion (extra data); default: %(default)s",
    )
    parser.add_argument(
        "--split",
        default="test",
        metavar="NAME",
        help="split of the data set, where val is another name of validation; "
        f"with {SAMPLE}, {SAMPLE_DEV} or a file the split is only part of the ids; "
        "default: %(default)s",
    )
    parser.add_argument(
        "--limit",
        type=positive,
        metavar="N",
        help="stop after N tweets, counted over all passes; default: the whole split",
    )


def _add_how_to_send(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--rate",
        type=not_negative,
        default=0.0,
        metavar="R",
        help="tweets per second, evenly spaced, to simulate live traffic; default: 0, as fast as possible",
    )
    parser.add_argument(
        "--loop",
        action="store_true",
        help="send the data set again and again, until --limit or Ctrl-C; default: one pass",
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="S",
        help="shuffle each pass differently, the same way in each run; default: the order of the file",
    )
