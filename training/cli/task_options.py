"""The data, the base and the name of a model to train, as options of `train`."""

from argparse import ArgumentParser

from training.cli.shared_options import add_base, add_data_root, add_dataset, add_labels, add_limit
from training.data.raw_tweets import RAW_TWEETS
from training.learn.recipe import NORMALIZER
from tweets.normalizer import NORMALIZERS
from worker.process.option_types import names, optional, whole


def add_task(parser: ArgumentParser) -> None:
    """Add the options of the data, the base and the name of a model to train."""
    add_dataset(parser)
    add_labels(parser, "the label names of the training split, with --data the six emotions")
    parser.add_argument(
        "--add",
        type=optional,
        default=RAW_TWEETS,
        metavar="NAME_OR_PATH",
        help=f"train on this data set too; {RAW_TWEETS}: the tweets that ship with the project, added only where the "
        "labels are the six emotions; none: no other data set; default: %(default)s",
    )
    _add_several_data_sets(parser)
    add_base(parser)
    parser.add_argument(
        "--normalizer",
        default=NORMALIZER,
        choices=sorted(NORMALIZERS),
        help="how each text is normalised, in training and in serving; none for texts that are not tweets; "
        "default: %(default)s",
    )
    parser.add_argument(
        "--vocabulary-rows",
        type=whole(0),
        default=19_000,
        metavar="N",
        help="rows of the embedding table to keep: the tokens of the training texts, then the most frequent other "
        "tokens in ASCII; 0 keeps all rows, for languages other than English; default: %(default)s",
    )
    add_limit(parser, "train on only the first rows of the training split, for a quick try")
    parser.add_argument(
        "--name",
        metavar="NAME",
        help="the model's name, part of the field `model` of each labelled tweet; default: emotion-<base>",
    )


def _add_several_data_sets(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="FILE",
        help="a YAML file of several data sets with the mapping of their labels, in place of --dataset and --add; "
        "default: none",
    )
    add_data_root(parser, default=".")
    parser.add_argument(
        "--teacher",
        type=names,
        default=(),
        metavar="RUN,…",
        help="training runs with the same outputs, usually of a larger base, whose mean probabilities the model learns "
        "too; default: none",
    )
