"""The options of the commands that describe or score data sets and models."""

from argparse import ArgumentParser
from pathlib import Path

from training.cli.shared_options import (
    add_data_file,
    add_dataset,
    add_labels,
    add_limit,
    add_model,
    add_output,
    add_same_names,
)
from training.data.second_pass import SECOND_PASS_FILE
from training.data.splits import TEST
from training.learn.imbalance import Imbalance
from training.learn.recipe import DISTILBERT, MINILM
from tweets.datasets import SAMPLE
from worker.process.option_types import names, number, positive, whole


def add_explore(parser: ArgumentParser) -> None:
    """Add the options of `explore`."""
    add_dataset(parser)
    add_data_file(parser)
    add_labels(parser, "the label names of the training split, with --data the six emotions")
    add_model(parser, "the model folder whose tokenizer counts tokens")
    add_limit(parser, "read only the first rows of each split")
    add_output(parser, "explore")


def add_agree(parser: ArgumentParser) -> None:
    """Add the options of `agree`."""
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


def add_evaluate(parser: ArgumentParser) -> None:
    """Add the options of `evaluate`."""
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


def add_compare(parser: ArgumentParser) -> None:
    """Add the options of `compare`."""
    add_dataset(parser)
    add_data_file(parser)
    add_labels(parser, "the label names of the training split, with --data the six emotions")
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
