"""The hyperparameters of a recipe as options of `train`."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Final

from training.learn.imbalance import Imbalance
from training.learn.recipe import Recipe
from worker.process.option_types import not_negative, number, positive, whole


def add_recipe(parser: ArgumentParser) -> None:
    """Add one option for each hyperparameter; the default is the default of `Recipe`."""
    recipe = Recipe()
    group = parser.add_argument_group(
        "recipe",
        "hyperparameters; the defaults train from a plain base in one run, `make train` makes the bundled model "
        "in stages",
    )
    for name, kind, text in _HYPERPARAMETERS:
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind,
            default=getattr(recipe, name),
            metavar="N",
            help=f"{text}; default: %(default)s",
        )
    group.add_argument(
        "--imbalance",
        type=Imbalance,
        choices=list(Imbalance),
        default=recipe.imbalance,
        metavar="STRATEGY",
        help=f"strategy for class imbalance: {', '.join(Imbalance)}; default: %(default)s",
    )


_HYPERPARAMETERS: Final[tuple[tuple[str, Callable[[str], float], str], ...]] = (
    ("epochs", positive, "passes over the training rows; 1 or 2 for a quick try"),
    ("patience", whole(0), "stop after this many epochs without a higher macro F1 on validation; 0 disables it"),
    ("learning_rate", not_negative, "the highest learning rate; 5e-5 suits bases with 768 hidden units"),
    ("layer_decay", number(0.0, 1.0), "learning rate of a layer relative to the layer above; 0.9 for large bases"),
    ("batch_size", positive, "tweets in each step; fewer if memory runs out"),
    ("warmup", number(0.0, 1.0), "fraction of all steps in which the learning rate rises"),
    ("weight_decay", not_negative, "weight decay of AdamW; higher if training loss falls while validation loss rises"),
    ("label_smoothing", number(0.0, 0.99), "probability taken from the given label; higher for noisy labels"),
    ("r_drop", not_negative, "weight of the R-Drop divergence between two dropout views; 0 halves the time of a step"),
    ("ema_decay", number(0.0, 0.99999), "decay per step of the moving average of the weights; 0 disables it"),
    ("shifted", number(0.0, 1.0), "fraction of the rows changed to resemble raw tweets: capitals, links, typos"),
    ("unannounced", number(0.0, 1.0), 'fraction of the rows shown without "I feel" and similar words'),
    ("teacher_share", number(0.0, 1.0), "share of the teacher in the loss; only with --teacher"),
    ("teacher_temperature", number(0.1, 100.0), "temperature of the probabilities in the divergence from the teacher"),
    ("max_tokens", whole(8), "maximum tokens of a text, [CLS] and [SEP] included; the rest is cut off"),
    ("seed", whole(0), "seed of every random number generator; the same hardware and seed give the same model"),
)
"""Field of `Recipe`, type of the option with its bounds, and help text.

Label smoothing and the decay exclude 1: the loss would ignore the label, the average would never change. Fewer than 8
tokens would leave few words of a text."""
