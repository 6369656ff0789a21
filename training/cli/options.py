"""The options of each command."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Final

from training.cli.recipe_options import add_recipe
from training.cli.scoring_options import add_agree, add_compare, add_evaluate, add_explore
from training.cli.shared_options import (
    add_base,
    add_data_root,
    add_dataset,
    add_limit,
    add_model,
    add_output,
)
from training.cli.task_options import add_task
from training.learn.recipe import MPNET
from worker.process.option_types import number, positive, whole


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
    parser.add_argument(
        "--share",
        type=number(0.0, 1.0),
        metavar="S",
        help="with --towards: the share of the mean, 0 to 1, instead of a search; default: the largest share that "
        "scores no worse on validation",
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
    _add_card(parser)
    parser.add_argument(
        "--siblings",
        type=Path,
        nargs="+",
        default=(),
        metavar="FOLDER",
        help="runs of the same recipe with other seeds: the card shows mean and standard deviation on validation",
    )
    parser.add_argument(
        "--calibration-rows",
        type=positive,
        default=2048,
        metavar="N",
        help="training rows from which the scales of the int8 model are measured; default: %(default)s",
    )


def _add_card(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--before",
        type=Path,
        metavar="FOLDER",
        help="another model folder whose scores the card shows beside the scores of this model; default: none",
    )
    parser.add_argument(
        "--note",
        action="append",
        default=[],
        metavar="SENTENCE",
        help="a sentence for the card, such as an earlier evaluation on the test split; may be repeated",
    )


def _add_moved_dataset(parser: ArgumentParser, owner: str) -> None:
    parser.add_argument(
        "--dataset",
        metavar="NAME_OR_PATH",
        help=f"the data set of the {owner}, if its path has changed; default: the path in the run",
    )


def _bundle(parser: ArgumentParser) -> None:
    add_data_root(parser, default="data")
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        metavar="FOLDER",
        help="the folder of the runs of all stages; finished runs in this folder are kept; default: %(default)s",
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=Path("runs/released-model"),
        metavar="FOLDER",
        help="the model folder to write; an earlier model in this folder is replaced; default: %(default)s",
    )
    parser.add_argument(
        "--teacher-base",
        default=MPNET,
        metavar="NAME_OR_PATH",
        help="the pretrained model of the teacher; default: %(default)s, of the extra `teacher`",
    )
    add_limit(parser, "train on only the first rows of each data set, for a quick try")
    parser.add_argument(
        "--epochs",
        type=positive,
        metavar="N",
        help="epochs of each stage, for a quick try; default: those of the recipe",
    )
    _add_card(parser)


COMMANDS: Final[dict[str, tuple[str, Callable[[ArgumentParser], None]]]] = {
    "explore": (
        "explore a data set: classes, lengths, duplicates, contradictory labels, words typical of each label",
        add_explore,
    ),
    "agree": ("compare the labels of a data set with those of a second pass of labelling", add_agree),
    "train": (
        "fine-tune on the split train, select the best epoch on validation, write the run, export the model folder",
        _train,
    ),
    "evaluate": ("score a model folder with the classifier that the worker uses", add_evaluate),
    "compare": ("train several models, and several strategies for class imbalance, with the same budget", add_compare),
    "tune": ("search the hyperparameters with Optuna", _tune),
    "explain": ("show attention, and the contribution of each token to the label", _explain),
    "average": ("average the weights of runs with different seeds into one run", _average),
    "bundle": (
        "make the bundled model: teacher, first stage, last stage, export; `make train` runs it",
        _bundle,
    ),
    "export": ("write the model folder of a training run: fp16 weights, int8 graph, golden scores, card", _export),
}
"""The summary of each command, and the function that adds the command's options."""
