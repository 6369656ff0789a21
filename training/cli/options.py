"""The options of each command."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Final

from training.cli.recipe_options import add_recipe
from training.cli.shared_options import (
    add_base,
    add_data_file,
    add_data_root,
    add_dataset,
    add_limit,
    add_model,
    add_output,
    add_same_names,
)
from training.cli.task_options import add_task
from training.data.second_pass import SECOND_PASS_FILE
from training.data.splits import TEST
from training.learn.imbalance import Imbalance
from training.learn.recipe import DISTILBERT, MINILM
from tweets.datasets import SAMPLE
from worker.process.option_types import names, number, positive, whole


def _explore(parser: ArgumentParser) -> None:
    add_dataset(parser)
    add_data_file(parser)
    add_model(parser, "the model folder whose tokenizer counts tokens")
    add_limit(parser, "read only the first rows of each split")
    add_output(parser, "explore")


def _train(parser: ArgumentParser) -> None:
    add_task(parser)
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs/latest"),
        metavar="FOLDER",
        help="the folder of the training run; an earlier run in this folder is replaced; default: %(default)s",
    )
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="the model folder to write; default: <run>-model")
    parser.add_argument(
        "--no-export", action="store_true", help="write the training run only; default: also export the model folder"
    )
    add_recipe(parser)


def _evaluate(parser: ArgumentParser) -> None:
    add_model(parser, "the model folder")
    add_dataset(parser)
    add_data_file(parser)
    add_same_names(parser)
    parser.add_argument("--split", default=TEST, metavar="NAME", help="the split to score; default: %(default)s")
    parser.add_argument(
        "--shifted",
        action="store_true",
        help="change the texts to resemble raw tweets: capitals, links, typing errors; default: the texts of the split",
    )
    parser.add_argument(
        "--engine",
        choices=("onnx", "torch"),
        default="onnx",
        help="onnx: the int8 model that a worker without a GPU serves; torch: full precision; default: %(default)s",
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FOLDER",
        help="another model folder, compared on the same rows by a paired test; default: none",
    )
    parser.add_argument(
        "--resamples",
        type=whole(100),  # with fewer samples the 2.5 % and 97.5 % quantiles are too noisy
        default=2000,
        metavar="N",
        help="bootstrap samples for the 95%% intervals, at least 100; default: %(default)s",
    )
    parser.add_argument(
        "--neutral-threshold",
        type=number(0.0, 1.0),
        metavar="P",
        help="the probability above which a row is called neutral; default: the threshold that the model suggests",
    )
    add_limit(parser, "score only the first rows")
    add_output(parser, "evaluate")
    parser.add_argument(
        "--json", action="store_true", help="print only the JSON line; default: tables and the JSON line"
    )


def _compare(parser: ArgumentParser) -> None:
    add_dataset(parser)
    add_data_file(parser)
    parser.add_argument(
        "--bases",
        type=names,
        default=("tfidf", MINILM, DISTILBERT, "google-bert/bert-base-uncased", "FacebookAI/roberta-base"),
        metavar="A,B,…",
        help="the models to compare: tfidf (with logistic regression), hub ids or folders; a base that cannot be "
        "loaded is left out with a warning; default: %(default)s",
    )
    parser.add_argument(
        "--imbalance",
        type=names,
        default=tuple(Imbalance),
        metavar="A,B,…",
        help="strategies for class imbalance, compared on the first base that can be fine-tuned: "
        f"{', '.join(Imbalance)}; default: all",
    )
    parser.add_argument(
        "--epochs", type=positive, default=2, metavar="N", help="epochs of each model; default: %(default)s"
    )
    parser.add_argument(
        "--seed",
        type=whole(0),
        default=13,
        metavar="N",
        help="seed of every random number generator; default: %(default)s",
    )
    add_limit(parser, "train on only the first rows of the training split")
    add_output(parser, "compare")


def _tune(parser: ArgumentParser) -> None:
    add_dataset(parser)
    add_base(parser)
    parser.add_argument(
        "--trials",
        type=positive,
        default=30,
        metavar="N",
        help="trials of the study in all, earlier trials included; default: %(default)s",
    )
    parser.add_argument(
        "--epochs",
        type=positive,
        default=3,
        metavar="N",
        help="epochs of a trial that is not pruned; default: %(default)s",
    )
    parser.add_argument(
        "--seed",
        type=whole(0),
        default=13,
        metavar="N",
        help="seed of every random number generator; default: %(default)s",
    )
    add_limit(parser, "train on only the first rows of the training split")
    add_output(parser, "tune", "holds the study too, and the same folder continues its study")


def _explain(parser: ArgumentParser) -> None:
    parser.add_argument(
        "texts", nargs="*", metavar="TEXT", help="the texts to explain; default: three tweets of sample-dev"
    )
    add_model(parser, "the model folder")
    add_output(parser, "explain")


def _average(parser: ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="training runs with the same recipe and --base that differ only in the seed",
    )
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs/averaged"),
        metavar="FOLDER",
        help="the folder of the averaged run; an earlier run in this folder is replaced; default: %(default)s",
    )
    parser.add_argument(
        "--towards",
        type=Path,
        metavar="FOLDER",
        help="the run or model folder that the runs started from: interpolate between its weights and the mean, with "
        "the largest share of the mean that scores no worse on validation; default: keep the mean",
    )
    _add_moved_dataset(parser, "runs")
    add_data_root(parser, default=None)


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
        help="the model folder to write; an earlier model in this folder is replaced; default: <run>-model",
    )
    _add_moved_dataset(parser, "run")
    add_data_root(parser, default=None)
    parser.add_argument(
        "--before",
        type=Path,
        metavar="FOLDER",
        help="another model folder whose scores the card shows beside the scores of this model; default: none",
    )
    parser.add_argument(
        "--siblings",
        type=Path,
        nargs="+",
        default=(),
        metavar="FOLDER",
        help="runs of the same recipe with other seeds: the card shows mean and standard deviation on validation",
    )
    parser.add_argument(
        "--note",
        action="append",
        default=[],
        metavar="SENTENCE",
        help="a sentence for the card, such as an earlier evaluation on the test split; may be repeated",
    )
    parser.add_argument(
        "--calibration-rows",
        type=positive,
        default=512,
        metavar="N",
        help="training rows from which the scales of the int8 model are measured; default: %(default)s",
    )


def _add_moved_dataset(parser: ArgumentParser, owner: str) -> None:
    parser.add_argument(
        "--dataset",
        metavar="NAME_OR_PATH",
        help=f"the data set of the {owner}, if its path has changed; default: the path in the run",
    )


def _agree(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--dataset",
        default=SAMPLE,
        metavar="NAME_OR_PATH",
        help="the data set with the labels of the first pass; default: %(default)s",
    )
    parser.add_argument("--split", default=TEST, metavar="NAME", help="its split; default: %(default)s")
    parser.add_argument(
        "--second",
        type=Path,
        default=SECOND_PASS_FILE,
        metavar="FILE",
        help="the labels of the second pass, one JSON object with number and label in each line; default: those of "
        f"{SAMPLE}",
    )


COMMANDS: Final[dict[str, tuple[str, Callable[[ArgumentParser], None]]]] = {
    "explore": (
        "explore a data set: classes, lengths, duplicates, contradictory labels, words typical of each label",
        _explore,
    ),
    "agree": ("compare the labels of a data set with those of a second pass of labelling", _agree),
    "train": (
        "fine-tune on the split train, select the best epoch on validation, write the run, export the model folder",
        _train,
    ),
    "evaluate": ("score a model folder with the classifier that the worker uses", _evaluate),
    "compare": ("train several models, and several strategies for class imbalance, with the same budget", _compare),
    "tune": ("search the hyperparameters with Optuna", _tune),
    "explain": ("show attention, and the contribution of each token to the label", _explain),
    "average": ("average the weights of runs with different seeds into one run", _average),
    "export": ("write the model folder of a training run: fp16 weights, int8 graph, golden scores, card", _export),
}
"""The summary of each command, and the function that adds the command's options."""
