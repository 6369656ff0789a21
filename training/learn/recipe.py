"""How a model is fine-tuned: one frozen object, its defaults a run from a plain base that suits raw tweets."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from training.learn.augment import Augmentation
from training.learn.imbalance import Imbalance

AUTO: Final = "auto"
MINILM: Final = "minilm"
DISTILBERT: Final = "distilbert/distilbert-base-uncased"

NORMALIZER: Final = "tweet-v1"
"""Of texts that are tweets; a model folder names its own."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The knobs of one fine-tuning run."""

    epochs: int = 4
    patience: int = 0
    """End after so many epochs without a better macro-F1 on validation; 0 never does."""
    learning_rate: float = 2e-4
    layer_decay: float = 1.0
    """Each layer further from the head learns at this fraction of the rate of the one above it."""
    batch_size: int = 32
    warmup: float = 0.1
    """Fraction of all steps in which the rate climbs to `learning_rate`; it then falls to 0 along a line."""
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    r_drop: float = 1.0
    """Weight of the divergence between two dropout views of a batch; 0 computes only one view."""
    ema_decay: float = 0.998
    """Of the running mean of the weights that is evaluated and kept; 0 keeps the weights themselves."""
    imbalance: Imbalance = Imbalance.NONE
    shifted: float = 0.25
    """Fraction of the rows that an epoch shows with capitals, punctuation, links, typing errors and the like."""
    unannounced: float = 0.15
    """Fraction of the rows that an epoch shows without "I feel" and its like."""
    max_tokens: int = 128
    seed: int = 13

    @property
    def augmentation(self) -> Augmentation:
        """What is done to the rows of an epoch."""
        return Augmentation(shifted=self.shifted, unannounced=self.unannounced)

    def as_dict(self) -> dict[str, Any]:
        """Return the knobs by name."""
        return asdict(self)
