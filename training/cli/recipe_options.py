"""The recipe's knobs as options of `train`."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Final

from training.cli.option_types import number, whole
from training.learn.imbalance import Imbalance
from training.learn.recipe import Recipe


def add_recipe(parser: ArgumentParser) -> None:
    """Add one option for each knob, with the recipe's own default."""
    recipe = Recipe()
    knobs = parser.add_argument_group(
        "recipe", "defaults: one run that suits raw tweets; `make train` makes the bundled model in two"
    )
    for name, kind, text in _KNOBS:
        knobs.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind,
            default=getattr(recipe, name),
            metavar="N",
            help=f"{text}; default: %(default)s",
        )
    knobs.add_argument(
        "--imbalance",
        type=Imbalance,
        choices=list(Imbalance),
        default=recipe.imbalance,
        metavar="WAY",
        help=f"what is done about rare classes: {', '.join(Imbalance)}; default: %(default)s",
    )


_KNOBS: Final[tuple[tuple[str, Callable[[str], float], str], ...]] = (
    ("epochs", whole(1), "passes over the training rows; 1 or 2 for a quick try"),
    ("patience", whole(0), "end after so many epochs without a better macro-F1 on validation; 0 never does"),
    ("learning_rate", number(0.0), "the highest rate; 5e-5 suits bases of 768 units"),
    ("layer_decay", number(0.0, 1.0), "a layer's fraction of the rate of the one above it; 0.9 for large bases"),
    ("batch_size", whole(1), "tweets in one step; fewer where memory runs out"),
    ("warmup", number(0.0, 1.0), "fraction of all steps in which the rate climbs"),
    ("weight_decay", number(0.0), "AdamW's; more where training loss falls and validation's rises"),
    ("label_smoothing", number(0.0, 0.99), "probability taken from the given label; more for noisy labels"),
    ("r_drop", number(0.0), "weight of the divergence of two dropout views; 0 halves the time of a step"),
    ("ema_decay", number(0.0, 0.99999), "of the mean of the weights that is kept, per step; 0 for none"),
    ("shifted", number(0.0, 1.0), "fraction of the rows shown as raw tweets: capitals, links, typing errors"),
    ("unannounced", number(0.0, 1.0), 'fraction of the rows shown without "I feel" and its like'),
    ("max_tokens", whole(8), "longest text, in tokens with [CLS] and [SEP]; the rest is cut off"),
    ("seed", whole(0), "of everything random; the same gives the same model on the same hardware"),
)
