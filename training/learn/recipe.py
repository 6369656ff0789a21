"""The hyperparameters of a fine-tuning; the defaults train from a plain base in one run and suit raw tweets."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from training.learn.augment import Augmentation
from training.learn.imbalance import Imbalance

AUTO: Final = "auto"
MINILM: Final = "minilm"
MPNET: Final = "mpnet"
DISTILBERT: Final = "distilbert/distilbert-base-uncased"

NORMALIZER: Final = "tweet-v1"
"""The default normaliser, for tweets; each model folder records its normaliser."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The hyperparameters of one fine-tuning run; the fields are options of `train`."""

    epochs: int = 4
    patience: int = 0
    """Stop after this many epochs without a higher macro-F1 on validation; 0 disables it."""
    learning_rate: float = 2e-4
    """The highest learning rate of the schedule."""
    layer_decay: float = 1.0
    """The learning rate of a layer divided by that of the layer above; 1 trains all layers at the same rate."""
    batch_size: int = 32
    """Rows in each step."""
    warmup: float = 0.1
    """Fraction of all steps in which the rate rises to `learning_rate`; after them the rate falls linearly to 0."""
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    """Probability that is taken from the given label and spread over all labels."""
    r_drop: float = 1.0
    """Weight of the divergence between two dropout views of a batch; 0 computes a single view."""
    ema_decay: float = 0.998
    """Decay per step of the moving average of the weights, which is evaluated and kept; 0 keeps the latest weights."""
    imbalance: Imbalance = Imbalance.NONE
    shifted: float = 0.25
    """Fraction of the rows that an epoch changes to resemble raw tweets: capitals, punctuation, links, typos."""
    unannounced: float = 0.15
    """Fraction of the rows that an epoch shows without "I feel" and similar words."""
    max_tokens: int = 128
    """Tokens of a text with [CLS] and [SEP]; the rest is cut off."""
    teacher_share: float = 0.5
    """Share of the teacher in the loss, the rest is that of the labels; without a teacher it has no effect."""
    teacher_temperature: float = 2.0
    """The temperature of both probabilities in the divergence from the teacher; higher shows more of small ones."""
    seed: int = 13

    @property
    def augmentation(self) -> Augmentation:
        """Return the augmentation of the rows in each epoch."""
        return Augmentation(shifted=self.shifted, unannounced=self.unannounced)

    def as_dict(self) -> dict[str, Any]:
        """Return the hyperparameters by name."""
        return asdict(self)
