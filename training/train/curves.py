"""Draw the learning curves of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.ticker import MaxNLocator

from training.output.pictures import picture


def draw_curves(epochs: Sequence[dict[str, Any]], best: int, path: Path, *, title: str) -> None:
    """Draw loss, accuracy and macro-F1 by epoch, and mark the best epoch, counted from 1."""
    numbers = [line["epoch"] for line in epochs]
    with picture(path, columns=2, size=(9, 3.6)) as (figure, (left, right)):
        figure.suptitle(title)
        left.plot(numbers, [line["training_loss"] for line in epochs], "o-", label="training, with regularisation")
        left.plot(numbers, [line["loss"] for line in epochs], "s-", label="validation")
        left.set(title="Loss", xlabel="epoch", ylabel="loss")
        right.plot(numbers, [line["accuracy"] for line in epochs], "o-", label="accuracy")
        right.plot(numbers, [line["macro_f1"] for line in epochs], "s-", label="macro F1")
        right.set(title="Scores on validation", xlabel="epoch", ylabel="score")
        for axes in (left, right):
            axes.axvline(best, color="#999999", linestyle=":", label="best epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.legend(frameon=False)
