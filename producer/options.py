"""The command line of `python -m producer`."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from math import isfinite, nan

from tweets.datasets import SAMPLE


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Read the arguments (None: of this process); a wrong one ends the process with exit code 2."""
    return _parser().parse_args(arguments)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m producer",
        description="Send the tweets of a data set to Kafka and wait for every acknowledgement. The last "
        "line on stdout is one JSON object. Broker, topic and login come from the environment: "
        "KAFKA_BOOTSTRAP_SERVERS, KAFKA_INPUT_TOPIC, KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_*, KAFKA_SSL_*.",
    )
    parser.add_argument(
        "--dataset",
        default=SAMPLE,
        metavar="NAME_OR_PATH",
        help=f"{SAMPLE} (ships with the package), a folder that holds <split>.jsonl, .csv, .parquet or .txt, "
        "one such file, or a hub id such as dair-ai/emotion (extra data); default: %(default)s",
    )
    parser.add_argument(
        "--split",
        default="test",
        metavar="NAME",
        help=f"which part of the data set; with {SAMPLE} or one file it is only a part of the ids; "
        "default: %(default)s",
    )
    parser.add_argument(
        "--limit",
        type=_count,
        metavar="N",
        help="stop after N tweets, over all passes; default: the whole split",
    )
    parser.add_argument(
        "--rate",
        type=_rate,
        default=0.0,
        metavar="R",
        help="tweets per second, evenly spaced; set it to look like live traffic; default: 0, as fast as possible",
    )
    parser.add_argument(
        "--loop",
        action="store_true",
        help="begin again at the end, until --limit or Ctrl-C; default: one pass",
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="S",
        help="shuffle, each pass in another order, the same in each run; default: the order of the file",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of tweets; use an integer from 1")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = nan
    if not isfinite(rate) or rate < 0:
        raise ArgumentTypeError(f"{text!r} is not a rate; use tweets per second, 0 = as fast as possible")
    return rate
