"""Options that several commands have."""

from argparse import ArgumentParser
from pathlib import Path

from training.cli.option_types import whole
from training.learn.recipe import AUTO, DISTILBERT, MINILM
from worker.settings import BUNDLED_MODEL

_DATASET = "dair-ai/emotion"
_DATASET_HELP = (
    "a hub id, a folder that holds {train,validation,test}.jsonl, .csv or .parquet, or one such file; "
    "its rows have `text` and `label`; default: %(default)s"
)


def add_dataset(parser: ArgumentParser) -> None:
    """Add `--dataset`."""
    parser.add_argument("--dataset", default=_DATASET, metavar="NAME_OR_PATH", help=_DATASET_HELP)


def add_model(parser: ArgumentParser, what: str) -> None:
    """Add `--model`; `what` says what the model folder is for."""
    parser.add_argument(
        "--model", type=Path, default=BUNDLED_MODEL, metavar="FOLDER", help=f"{what}; default: the bundled one"
    )


def add_base(parser: ArgumentParser) -> None:
    """Add `--base`."""
    parser.add_argument(
        "--base",
        default=AUTO,
        metavar="NAME_OR_PATH",
        help=f"where training starts: a hub id, a folder, {MINILM} (ships with the extra, needs no network), or "
        f"{AUTO}: {DISTILBERT} where the hub answers, else {MINILM}; default: %(default)s",
    )


def add_limit(parser: ArgumentParser, what: str) -> None:
    """Add `--limit`; `what` says what the rows are for."""
    parser.add_argument("--limit", type=whole(1), metavar="ROWS", help=f"{what}; default: all")


def add_output(parser: ArgumentParser, command: str, more: str = "") -> None:
    """Add `--output`, where a command's report goes."""
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs") / command,
        metavar="FOLDER",
        help=f"where pictures and the JSON report go{'; ' + more if more else ''}; default: %(default)s",
    )
