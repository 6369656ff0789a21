"""How a model is fine-tuned: one frozen object, its defaults the recipe of the bundled model."""

from dataclasses import asdict, dataclass
from typing import Any, Final

AUTO: Final = "auto"
MINILM: Final = "minilm"
DISTILBERT: Final = "distilbert/distilbert-base-uncased"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The knobs of one fine-tuning run."""

    epochs: int = 8
    learning_rate: float = 2e-4
    batch_size: int = 32
    warmup: float = 0.1
    """Fraction of all steps in which the rate climbs to `learning_rate`; it then falls to 0 along a line."""
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    r_drop: float = 1.0
    """Weight of the divergence between two dropout views of a batch; 0 computes only one view."""
    ema_decay: float = 0.998
    """Of the running mean of the weights that is evaluated and kept; 0 keeps the weights themselves."""
    max_tokens: int = 128
    seed: int = 13

    def as_dict(self) -> dict[str, Any]:
        """Return the knobs by name."""
        return asdict(self)
