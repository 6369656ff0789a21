"""The options of each command."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Final

from training.cli.option_types import labels, names, optional, whole
from training.cli.recipe_options import add_recipe
from training.cli.shared_options import add_base, add_dataset, add_limit, add_model, add_output
from training.data.learning_data import RAW_TWEETS
from training.data.splits import TEST
from training.learn.imbalance import Imbalance
from training.learn.recipe import DISTILBERT, MINILM, NORMALIZER
from tweets.normalizer import NORMALIZERS


def _explore(parser: ArgumentParser) -> None:
    add_dataset(parser)
    add_model(parser, "the model folder whose tokenizer counts tokens")
    add_limit(parser, "look at the first rows of each split only")
    add_output(parser, "explore")


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
    add_model(parser, "the model folder")
    add_dataset(parser)
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
    add_limit(parser, "score the first rows only")
    add_output(parser, "evaluate")
    parser.add_argument("--json", action="store_true", help="print the JSON line only, no tables; default: both")


def _compare(parser: ArgumentParser) -> None:
    add_dataset(parser)
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
    add_limit(parser, "learn from the first rows only")
    add_output(parser, "compare")


def _tune(parser: ArgumentParser) -> None:
    add_dataset(parser)
    add_base(parser)
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
    add_limit(parser, "learn from the first rows only")
    add_output(parser, "tune", "holds the study too: the same folder goes on with it")


def _explain(parser: ArgumentParser) -> None:
    parser.add_argument(
        "texts", nargs="*", metavar="TEXT", help="what to explain; default: three tweets of the shipped sample"
    )
    add_model(parser, "the model folder")
    add_output(parser, "explain")


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


def _add_task(parser: ArgumentParser) -> None:
    add_dataset(parser)
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
    add_base(parser)
    parser.add_argument(
        "--normalizer",
        default=NORMALIZER,
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
    add_limit(parser, "learn from the first rows only, for a quick try")
    parser.add_argument(
        "--name", metavar="NAME", help="the model's name, seen in each labelled tweet; default: emotion-<base>"
    )


COMMANDS: Final[dict[str, tuple[str, Callable[[ArgumentParser], None]]]] = {
    "explore": ("look at a data set: classes, lengths, duplicates, contradictions, telling words", _explore),
    "train": ("fine-tune on `train`, choose the best epoch on `validation`, write the run, export it", _train),
    "evaluate": ("score a model folder through the worker's own classifier", _evaluate),
    "compare": ("train several models, and several ways to treat rare classes, under one budget", _compare),
    "tune": ("search the recipe's knobs with Optuna", _tune),
    "explain": ("show attention, and which tokens speak for the label", _explain),
    "average": ("make one run of several seeds: the mean of their weights", _average),
    "export": ("make the model folder of a training run: fp16 weights, int8 graph, golden scores, card", _export),
}
"""For each command, what it does and the function that adds its options."""
