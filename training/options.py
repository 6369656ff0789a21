"""The command line of `python -m training`."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from training.data import RAW_TWEETS
from training.imbalance import Imbalance
from training.recipe import AUTO, DISTILBERT, MINILM, Recipe
from worker.normalizer import NORMALIZERS

_DATASET = "dair-ai/emotion"
_DATASET_HELP = (
    "a hub id, a folder that holds {train,validation,test}.jsonl, .csv or .parquet, or one such file; "
    "its rows have `text` and `label`"
)


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Read the arguments (None: of this process); a wrong one ends the process with exit code 2."""
    return _parser().parse_args(arguments)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m training",
        description="Make, measure and export the classifier. The last line on stdout is always one JSON object.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands.add_parser("train", help="fine-tune on a data set, then export the model folder"))
    _add_evaluate(commands.add_parser("evaluate", help="score a model folder on a labelled split"))
    _add_export(commands.add_parser("export", help="make the model folder of a training run"))
    return parser


def _add_train(parser: ArgumentParser) -> None:
    parser.description = (
        "Fine-tune on the split `train`, choose the best epoch on `validation`, write the run, export it."
    )
    _add_task(parser)
    _add_outputs(parser)
    _add_recipe(parser)


def _add_task(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--dataset", default=_DATASET, metavar="NAME_OR_PATH", help=f"{_DATASET_HELP}; default: %(default)s"
    )
    parser.add_argument(
        "--labels",
        type=_labels,
        metavar="A,B,…",
        help="the label set, in the order of the model's outputs; give it when labels are numbers that mean something "
        "else than the six emotions; default: the names in the training split",
    )
    parser.add_argument(
        "--base",
        default=AUTO,
        metavar="NAME_OR_PATH",
        help=f"where training starts: a hub id, a folder, {MINILM} (ships with the extra, needs no network), or "
        f"{AUTO}: {DISTILBERT} where the hub answers, else {MINILM}; default: %(default)s",
    )
    parser.add_argument(
        "--normalizer",
        default="tweet-v1",
        choices=sorted(NORMALIZERS),
        help="what is done to a text first, in training and in serving; none for texts that are not tweets; "
        "default: %(default)s",
    )
    parser.add_argument(
        "--vocabulary-rows",
        type=_whole(0),
        default=19_000,
        metavar="N",
        help="keep so many rows of the embedding table: the pieces of the training texts and the commonest other ones "
        "in ASCII; 0 keeps all, as languages other than English need it; default: %(default)s",
    )
    parser.add_argument(
        "--add",
        type=_optional,
        default=RAW_TWEETS,
        metavar="NAME_OR_PATH",
        help=f"learn from this data set too; {RAW_TWEETS}: tweets that ship with the project, for the six emotions "
        "only; none: nothing; default: %(default)s",
    )
    parser.add_argument(
        "--limit", type=_whole(1), metavar="ROWS", help="learn from the first rows only, for a quick try; default: all"
    )


def _add_outputs(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--name", metavar="NAME", help="the model's name, seen in each labelled tweet; default: emotion-<base>"
    )
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


def _add_recipe(parser: ArgumentParser) -> None:
    recipe = Recipe()
    knobs = parser.add_argument_group("recipe", "defaults: the bundled model's")

    def add(name: str, kind: Callable[[str], float], default: float, text: str) -> None:
        knobs.add_argument(name, type=kind, default=default, metavar="N", help=f"{text}; default: %(default)s")

    add("--epochs", _whole(1), recipe.epochs, "passes over the training rows; 1 or 2 for a quick try")
    add(
        "--patience",
        _whole(0),
        recipe.patience,
        "end after so many epochs without a better macro-F1 on validation; 0 never does",
    )
    add("--learning-rate", _number(0.0), recipe.learning_rate, "the highest rate; 5e-5 suits bases of 768 units")
    add(
        "--layer-decay",
        _number(0.0, 1.0),
        recipe.layer_decay,
        "each layer further from the head learns at this fraction of the rate above it; 0.9 for large bases",
    )
    add("--batch-size", _whole(1), recipe.batch_size, "tweets in one step; fewer where memory runs out")
    add("--warmup", _number(0.0, 1.0), recipe.warmup, "fraction of all steps in which the rate climbs")
    add(
        "--weight-decay",
        _number(0.0),
        recipe.weight_decay,
        "AdamW's; more where training loss falls and validation's rises",
    )
    add(
        "--label-smoothing",
        _number(0.0, 0.99),
        recipe.label_smoothing,
        "probability taken from the given label; more for noisy labels",
    )
    add(
        "--r-drop",
        _number(0.0),
        recipe.r_drop,
        "weight of the divergence of two dropout views; 0 halves the time of a step",
    )
    add(
        "--ema-decay",
        _number(0.0, 0.99999),
        recipe.ema_decay,
        "of the mean of the weights that is kept, per step; less for runs under 1,000 steps, 0 for none",
    )
    knobs.add_argument(
        "--imbalance",
        type=Imbalance,
        choices=list(Imbalance),
        default=recipe.imbalance,
        metavar="WAY",
        help=f"what is done about rare classes: {', '.join(Imbalance)}; default: %(default)s",
    )
    add(
        "--shifted",
        _number(0.0, 1.0),
        recipe.shifted,
        "fraction of the rows that an epoch shows as raw tweets: capitals, links, typing errors; 0 for none",
    )
    add(
        "--unannounced",
        _number(0.0, 1.0),
        recipe.unannounced,
        'fraction of the rows that an epoch shows without "I feel" and its like; 0 for none',
    )
    add(
        "--max-tokens",
        _whole(8),
        recipe.max_tokens,
        "longest text, in tokens with [CLS] and [SEP]; the rest is cut off",
    )
    add("--seed", _whole(0), recipe.seed, "of everything random; the same gives the same model on the same hardware")


def _add_evaluate(parser: ArgumentParser) -> None:
    parser.description = "Score a model folder through the worker's own classifier and print the table by class."
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="the model folder")
    parser.add_argument(
        "--dataset", default=_DATASET, metavar="NAME_OR_PATH", help=f"{_DATASET_HELP}; default: %(default)s"
    )
    parser.add_argument("--split", default="test", metavar="NAME", help="which split; default: %(default)s")
    parser.add_argument(
        "--engine",
        choices=("onnx", "torch"),
        default="onnx",
        help="onnx: int8, as a worker without GPU serves; torch: full precision, for comparison; default: %(default)s",
    )
    parser.add_argument("--json", action="store_true", help="print the JSON line only, no table; default: both")


def _add_export(parser: ArgumentParser) -> None:
    parser.description = (
        "Make the model folder of a training run: fp16 weights, int8 graph, golden scores, measured metrics."
    )
    parser.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="a folder that `train` wrote")
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="the folder to make; an earlier model there is replaced",
    )
    parser.add_argument(
        "--dataset", metavar="NAME_OR_PATH", help="where the run's data set lies now; default: where it was"
    )


# What an option accepts.


def _optional(text: str) -> str | None:
    return None if text == "none" else text


def _labels(text: str) -> tuple[str, ...]:
    labels = tuple(label.strip() for label in text.split(","))
    if len(labels) < 2 or "" in labels or len(set(labels)) < len(labels):
        raise ArgumentTypeError(f"{text!r}: give at least two different names with commas between them")
    return labels


def _whole(least: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return number

    return convert


def _number(least: float, most: float = float("inf")) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not least <= number <= most or number == float("inf"):
            raise ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return number

    return convert
