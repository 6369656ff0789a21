"""The operations of the served model for a tweet: multiplications and additions in matrix products, nothing skipped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of an encoder with a classification head."""

    layers: int
    width: int
    inner_width: int
    labels: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Return the shape in config.json, with the names of DistilBERT or those of BERT. Raises KeyError without."""
        return cls(
            layers=int(config["n_layers"] if "n_layers" in config else config["num_hidden_layers"]),
            width=int(config["dim"] if "dim" in config else config["hidden_size"]),
            inner_width=int(config["hidden_dim"] if "hidden_dim" in config else config["intermediate_size"]),
            labels=len(config["id2label"]),
        )

    def operations(self, tokens: int) -> int:
        """Return the operations for one text of so many tokens."""
        projections = 4 * 2 * tokens * self.width**2  # query, key, value, output
        inner = 2 * 2 * tokens * self.width * self.inner_width
        attention = 2 * 2 * tokens**2 * self.width
        head = 2 * self.width * (self.width + self.labels)
        return self.layers * (projections + inner + attention) + head


def operations_per_tweet(shape: ModelShape, lengths: Sequence[int]) -> float:
    """Return the mean over the tweets, whose tokens are `lengths`: attention grows with the square of the length."""
    return sum(map(shape.operations, lengths)) / len(lengths)
