"""The command line of `python -m training`."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from training.data import RAW_TWEETS, TEST
from training.imbalance import Imbalance
from training.option_types import labels, names, optional, whole
from training.recipe import AUTO, DISTILBERT, MINILM
from training.recipe_options import add_recipe
from tweets.normalizer import NORMALIZERS
from worker.settings import BUNDLED_MODEL

_DATASET = "dair-ai/emotion"
_DATASET_HELP = (
    "a hub id, a folder that holds {train,validation,test}.jsonl, .csv or .parquet, or one such file; "
    "its rows have `text` and `label`; default: %(default)s"
)
_SMALL_ROWS = 1_000

SMALL: Final[dict[str, dict[str, Any]]] = {
    "explore": {"limit": _SMALL_ROWS},
    "train": {"limit": _SMALL_ROWS, "epochs": 3, "r_drop": 0.0, "ema_decay": 0.9},
    "evaluate": {"limit": _SMALL_ROWS, "resamples": 200},
    "compare": {"limit": _SMALL_ROWS, "epochs": 1, "bases": ("tfidf", MINILM)},
    "tune": {"limit": _SMALL_ROWS, "epochs": 1, "trials": 4},
    "explain": {},
    "average": {},
    "export": {"calibration_rows": 128},
}
"""What `--budget small` sets, for each command; an option that is given wins over it."""


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Read the arguments (None: of this process); a wrong one ends the process with exit code 2."""
    return _parser().parse_args(arguments)


class _CommandParser(ArgumentParser):
    """A command whose `--budget` decides the defaults of its other options."""

    command = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # as argparse calls it for a command
        asked = ArgumentParser(add_help=False, allow_abbrev=False)
        asked.add_argument("--budget")
        if self.command and asked.parse_known_args(args)[0].budget == "small":
            self.set_defaults(**SMALL[self.command])
        return super().parse_known_args(args, namespace)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m training",
        description="Explore a data set; make, measure, compare, tune, explain and export the classifier. The last "
        "line on stdout is always one JSON object.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_CommandParser)
    for name, (summary, add_options) in _COMMANDS.items():
        command: _CommandParser = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:])
        command.command = name
        _add_budget(command, name)
        add_options(command)
    return parser


def _add_budget(parser: ArgumentParser, command: str) -> None:
    small = ", ".join(f"--{name.replace('_', '-')} {_as_typed(value)}" for name, value in SMALL[command].items())
    parser.add_argument(
        "--budget",
        choices=("full", "small"),
        default="full",
        help=f"small: done in minutes on two cores ({small or 'the same here'}); default: %(default)s",
    )


def _as_typed(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


# One function for each command.


def _explore(parser: ArgumentParser) -> None:
    _add_dataset(parser)
    _add_model(parser, "the model folder whose tokenizer counts tokens")
    _add_limit(parser, "look at the first rows of each split only")
    _add_output(parser, "explore")


def _train(parser: ArgumentParser) -> None:
    _add_task(parser)
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs/latest"),
        metavar="FOLDER",
        help="where the training run goes; an earlier run there is replaced; default: %(default)s",
    )
    parser.add_argument(
        "--model", type=Path, metavar="FOLDER", help="where the model folder goes; default: <run>-model, beside the run"
    )
    parser.add_argument("--no-export", action="store_true", help="write the training run only; default: export it too")
    add_recipe(parser)


def _evaluate(parser: ArgumentParser) -> None:
    _add_model(parser, "the model folder")
    _add_dataset(parser)
    parser.add_argument("--split", default=TEST, metavar="NAME", help="which split; default: %(default)s")
    parser.add_argument(
        "--shifted",
        action="store_true",
        help="score the split as it might have been tweeted: capitals, links, typing errors; default: as it is",
    )
    parser.add_argument(
        "--engine",
        choices=("onnx", "torch"),
        default="onnx",
        help="onnx: int8, as a worker without GPU serves; torch: full precision, for comparison; default: %(default)s",
    )
    parser.add_argument(
        "--against", type=Path, metavar="FOLDER", help="another model folder, for a paired test; default: none"
    )
    parser.add_argument(
        "--resamples",
        type=whole(100),
        default=2000,
        metavar="N",
        help="bootstrap samples behind the intervals; default: %(default)s",
    )
    _add_limit(parser, "score the first rows only")
    _add_output(parser, "evaluate")
    parser.add_argument("--json", action="store_true", help="print the JSON line only, no tables; default: both")


def _compare(parser: ArgumentParser) -> None:
    _add_dataset(parser)
    parser.add_argument(
        "--bases",
        type=names,
        default=("tfidf", MINILM, DISTILBERT, "google-bert/bert-base-uncased", "FacebookAI/roberta-base"),
        metavar="A,B,…",
        help="what to compare: tfidf (with logistic regression), hub ids or folders; those that cannot be had are "
        "left out with a word; default: %(default)s",
    )
    parser.add_argument(
        "--imbalance",
        type=names,
        default=tuple(Imbalance),
        metavar="A,B,…",
        help=f"strategies that are compared on the first base that can be fine-tuned: {', '.join(Imbalance)}; "
        "default: all",
    )
    parser.add_argument("--epochs", type=whole(1), default=2, metavar="N", help="for each model; default: %(default)s")
    parser.add_argument("--seed", type=whole(0), default=13, metavar="N", help="of everything; default: %(default)s")
    _add_limit(parser, "learn from the first rows only")
    _add_output(parser, "compare")


def _tune(parser: ArgumentParser) -> None:
    _add_dataset(parser)
    _add_base(parser)
    parser.add_argument(
        "--trials",
        type=whole(1),
        default=30,
        metavar="N",
        help="how many in all, earlier ones included; default: %(default)s",
    )
    parser.add_argument(
        "--epochs", type=whole(1), default=3, metavar="N", help="of a trial that is not pruned; default: %(default)s"
    )
    parser.add_argument("--seed", type=whole(0), default=13, metavar="N", help="of everything; default: %(default)s")
    _add_limit(parser, "learn from the first rows only")
    _add_output(parser, "tune", "holds the study too: the same folder goes on with it")


def _explain(parser: ArgumentParser) -> None:
    parser.add_argument(
        "texts", nargs="*", metavar="TEXT", help="what to explain; default: three tweets of the shipped sample"
    )
    _add_model(parser, "the model folder")
    _add_output(parser, "explain")


def _average(parser: ArgumentParser) -> None:
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="runs of one recipe and one --base that differ in the seed"
    )
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs/averaged"),
        metavar="FOLDER",
        help="where the averaged run goes; an earlier run there is replaced; default: %(default)s",
    )
    parser.add_argument(
        "--towards",
        type=Path,
        metavar="FOLDER",
        help="what the runs started from, a run or a model folder: go back towards it, as little as validation asks "
        "for; default: keep the mean",
    )
    parser.add_argument(
        "--dataset", metavar="NAME_OR_PATH", help="where the runs' data set lies now; default: where it was"
    )


def _export(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs/latest"),
        metavar="FOLDER",
        help="a folder that `train` wrote; default: %(default)s",
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FOLDER",
        help="the folder to make; an earlier model there is replaced; default: <run>-model, beside the run",
    )
    parser.add_argument(
        "--dataset", metavar="NAME_OR_PATH", help="where the run's data set lies now; default: where it was"
    )
    parser.add_argument(
        "--before", type=Path, metavar="FOLDER", help="a model folder to measure beside this one, for the card"
    )
    parser.add_argument(
        "--siblings",
        type=Path,
        nargs="+",
        default=(),
        metavar="FOLDER",
        help="runs of the same recipe with other seeds: the card states mean and spread on validation",
    )
    parser.add_argument(
        "--note",
        action="append",
        default=[],
        metavar="SENTENCE",
        help="say this in the card, such as an earlier look at the test split; may be repeated",
    )
    parser.add_argument(
        "--calibration-rows",
        type=whole(1),
        default=512,
        metavar="N",
        help="training rows that fix the scales of the int8 model; default: %(default)s",
    )


_COMMANDS: Final[dict[str, tuple[str, Callable[[ArgumentParser], None]]]] = {
    "explore": ("look at a data set: classes, lengths, duplicates, contradictions, telling words", _explore),
    "train": ("fine-tune on `train`, choose the best epoch on `validation`, write the run, export it", _train),
    "evaluate": ("score a model folder through the worker's own classifier", _evaluate),
    "compare": ("train several models, and several ways to treat rare classes, under one budget", _compare),
    "tune": ("search the recipe's knobs with Optuna", _tune),
    "explain": ("show attention, and which tokens speak for the label", _explain),
    "average": ("make one run of several seeds: the mean of their weights", _average),
    "export": ("make the model folder of a training run: fp16 weights, int8 graph, golden scores, card", _export),
}


# Options that several commands have.


def _add_dataset(parser: ArgumentParser) -> None:
    parser.add_argument("--dataset", default=_DATASET, metavar="NAME_OR_PATH", help=_DATASET_HELP)


def _add_model(parser: ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--model", type=Path, default=BUNDLED_MODEL, metavar="FOLDER", help=f"{what}; default: the bundled one"
    )


def _add_base(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--base",
        default=AUTO,
        metavar="NAME_OR_PATH",
        help=f"where training starts: a hub id, a folder, {MINILM} (ships with the extra, needs no network), or "
        f"{AUTO}: {DISTILBERT} where the hub answers, else {MINILM}; default: %(default)s",
    )


def _add_limit(parser: ArgumentParser, what: str) -> None:
    parser.add_argument("--limit", type=whole(1), metavar="ROWS", help=f"{what}; default: all")


def _add_output(parser: ArgumentParser, command: str, more: str = "") -> None:
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs") / command,
        metavar="FOLDER",
        help=f"where pictures and the JSON report go{'; ' + more if more else ''}; default: %(default)s",
    )


def _add_task(parser: ArgumentParser) -> None:
    _add_dataset(parser)
    parser.add_argument(
        "--labels",
        type=labels,
        metavar="A,B,…",
        help="the label set, in the order of the model's outputs; give it when labels are numbers that mean something "
        "else than the six emotions; default: the names in the training split",
    )
    parser.add_argument(
        "--add",
        type=optional,
        default=RAW_TWEETS,
        metavar="NAME_OR_PATH",
        help=f"learn from this data set too; {RAW_TWEETS}: tweets that ship with the project, for the six emotions "
        "only; none: nothing; default: %(default)s",
    )
    _add_base(parser)
    parser.add_argument(
        "--normalizer",
        default="tweet-v1",
        choices=sorted(NORMALIZERS),
        help="what is done to a text first, in training and in serving; none for texts that are not tweets; "
        "default: %(default)s",
    )
    parser.add_argument(
        "--vocabulary-rows",
        type=whole(0),
        default=19_000,
        metavar="N",
        help="keep so many rows of the embedding table: the pieces of the training texts and the commonest other ones "
        "in ASCII; 0 keeps all, as languages other than English need it; default: %(default)s",
    )
    _add_limit(parser, "learn from the first rows only, for a quick try")
    parser.add_argument(
        "--name", metavar="NAME", help="the model's name, seen in each labelled tweet; default: emotion-<base>"
    )
