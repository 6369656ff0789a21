"""Options that several commands share."""

from argparse import ArgumentParser
from pathlib import Path

from training.learn.recipe import AUTO, DISTILBERT, MINILM, MPNET
from worker.process.option_types import different_names, positive
from worker.settings import BUNDLED_MODEL

_DATASET = "dair-ai/emotion"
_DATASET_HELP = (
    "a hub id, a folder with {train,validation,test}.jsonl, .csv or .parquet, or one such file; each row has the "
    "fields text and label; default: %(default)s"
)


def add_dataset(parser: ArgumentParser) -> None:
    """Add `--dataset`."""
    parser.add_argument("--dataset", default=_DATASET, metavar="NAME_OR_PATH", help=_DATASET_HELP)


def add_data_file(parser: ArgumentParser) -> None:
    """Add `--data` and `--data-root`, which choose a data set in a file that maps labels."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="a YAML file that lists data sets and the mapping of their labels, such as training/data/bundled.yaml; "
        "--dataset is then the short name of one of them; default: none, --dataset has the labels of the model",
    )
    add_data_root(parser, default=".")


def add_labels(parser: ArgumentParser, default: str) -> None:
    """Add `--labels`; `default` describes the labels without this option in the help text."""
    parser.add_argument(
        "--labels",
        type=different_names(2),
        metavar="A,B,…",
        help="the label set, in the order of the model's outputs; required when labels are numbers other than those of "
        f"the six emotions; default: {default}",
    )


def add_same_names(parser: ArgumentParser) -> None:
    """Add `--same-names`."""
    parser.add_argument(
        "--same-names",
        action="store_true",
        help="with --data: only neutral rows and rows whose single label has the name of the label that it is mapped "
        "onto; default: all rows with a single label",
    )


def add_data_root(parser: ArgumentParser, *, default: str | None) -> None:
    """Add `--data-root`; the default None is the folder that the run recorded."""
    parser.add_argument(
        "--data-root",
        default=default,
        metavar="FOLDER",
        help="the folder of the relative paths in the file of several data sets; default: "
        + ("the folder in the run" if default is None else "the current folder"),
    )


def add_model(parser: ArgumentParser, what: str) -> None:
    """Add `--model`; `what` describes the model folder in the help text."""
    parser.add_argument(
        "--model", type=Path, default=BUNDLED_MODEL, metavar="FOLDER", help=f"{what}; default: the bundled model"
    )


def add_base(parser: ArgumentParser) -> None:
    """Add `--base`."""
    parser.add_argument(
        "--base",
        default=AUTO,
        metavar="NAME_OR_PATH",
        help=f"the pretrained model to fine-tune: a hub id, a folder, {MINILM} (part of the extra `train`, needs no "
        f"network), {MPNET} (of the extra `teacher`, for a teacher), or {AUTO}: {DISTILBERT} if the hub answers, else "
        f"{MINILM}; default: %(default)s",
    )


def add_limit(parser: ArgumentParser, what: str) -> None:
    """Add `--limit`; `what` describes the use of the rows in the help text."""
    parser.add_argument("--limit", type=positive, metavar="ROWS", help=f"{what}; default: all rows")


def add_output(parser: ArgumentParser, command: str, more: str = "") -> None:
    """Add `--output`, the folder of a command's report; `more` is appended to the help text."""
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs") / command,
        metavar="FOLDER",
        help=f"the folder of pictures and the JSON report{'; ' + more if more else ''}; default: %(default)s",
    )
