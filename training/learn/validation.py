"""The validation rows of a run, which select the best epoch, and the scores of a model on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from training.data.mapped_split import MappedSplit
from training.learn.rows import Encode
from training.learn.tokens import TokenIds
from training.score.scores import Scores, score, softmax

Logits = npt.NDArray[np.float32]
"""[rows, outputs]: one column for each label, with a neutral output one more."""


def label_logits(logits: Logits, labels: Sequence[str]) -> Logits:
    """Return the columns of the labels, without neutral."""
    return logits[:, : len(labels)]


@dataclass(frozen=True, slots=True)
class ValidationScores:
    """Scores on the rows with exactly one label, by data set; the first data set is that of the run."""

    sets: Mapping[str, Scores]
    neutral_auc: Mapping[str, float]
    """Area under the ROC curve of neutral rows against rows with exactly one label, of data sets that know neutral."""

    @property
    def first(self) -> Scores:
        """Return the scores on the first data set."""
        return next(iter(self.sets.values()))

    @property
    def rank(self) -> float:
        """Return the number by which models are chosen, 0 to 4; higher is better.

        It is accuracy plus macro-F1 on the first data set, plus the mean of accuracy plus macro-F1 over the other data
        sets that have validation rows. The first data set counts as much as all others together.
        """
        sums = [scores.accuracy + scores.macro_f1 for scores in self.sets.values()]
        return sums[0] + (sum(sums[1:]) / len(sums[1:]) if sums[1:] else 0.0)

    def as_dict(self) -> dict[str, Any]:
        """Return the scores of the first data set, and those of the others under `others`, JSON-ready."""
        figures = {name: _figures(scores) for name, scores in self.sets.items()}
        for name, area in self.neutral_auc.items():
            figures.setdefault(name, {})["neutral_auc"] = round(area, 6)
        first, *others = figures
        return {**figures[first], **({"others": {name: figures[name] for name in others}} if others else {})}

    def described(self) -> str:
        """Return a phrase for a progress line."""
        others = list(self.sets.items())[1:]
        phrase = f"validation accuracy {self.first.accuracy:.4f}, macro F1 {self.first.macro_f1:.4f}"
        phrase += "".join(f"; {name} {one.accuracy:.4f}, {one.macro_f1:.4f}" for name, one in others)
        return phrase + "".join(f"; neutral in {name}: AUC {area:.4f}" for name, area in self.neutral_auc.items())


def _figures(scores: Scores) -> dict[str, float]:
    figures = {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1, "loss": scores.loss}
    return {name: round(value, 6) for name, value in figures.items()}


@dataclass(frozen=True, slots=True)
class ValidationRows:
    """The tokenised validation rows of all data sets, one data set after the other."""

    ids: TokenIds
    splits: tuple[MappedSplit, ...]
    labels: tuple[str, ...]

    def scores(self, logits: Logits) -> ValidationScores:
        """Return the scores of logits [rows, outputs]."""
        sets: dict[str, Scores] = {}
        neutral: dict[str, float] = {}
        for split, part in self.parts(logits):
            rows, targets = one_label_rows(split)
            if rows:
                sets[split.dataset] = score(softmax(label_logits(part[rows], self.labels)), targets, self.labels)
            found = neutral_margins(split, part)
            if found is not None and 0 < found[1].sum() < len(found[1]):
                neutral[split.dataset] = float(roc_auc_score(found[1], found[0]))
        return ValidationScores(sets, neutral)

    def parts(self, logits: Logits) -> list[tuple[MappedSplit, Logits]]:
        """Return each split with its rows of the logits."""
        ends = np.cumsum([len(split) for split in self.splits])[:-1]
        return list(zip(self.splits, np.split(logits, ends), strict=True))


def validation_rows(splits: Sequence[MappedSplit], encode: Encode, labels: Sequence[str]) -> ValidationRows:
    """Return the tokenised rows of the splits."""
    return ValidationRows(encode([text for split in splits for text in split.texts]), tuple(splits), tuple(labels))


def one_label_rows(split: MappedSplit) -> tuple[list[int], list[int]]:
    """Return the places of the rows with exactly one label, neutral excluded, and their class numbers."""
    count = len(split.labels)
    found = [(row, one[0]) for row, one in enumerate(split.targets) if len(one) == 1 and one[0] < count]
    return [row for row, _ in found], [target for _, target in found]


def margins_of(logits: Logits, labels: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return z(neutral) - log sum exp z(labels) of each row: the log-odds of neutral in the softmax over all outputs.

    `logits` are [rows, labels + 1].
    """
    exact, count = logits.astype(np.float64), len(labels)
    margins: npt.NDArray[np.float64] = exact[:, count] - np.logaddexp.reduce(exact[:, :count], axis=1)
    return margins


def neutral_margins(split: MappedSplit, logits: Logits) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]] | None:
    """Return the margin of neutral over the labels, and whether the row is neutral (0 or 1), both [rows].

    Rows with exactly one target count. None if the model has no neutral output or the split does not know neutral.
    """
    count = len(split.labels)
    if logits.shape[1] == count or not split.has_neutral:
        return None
    rows = [row for row, targets in enumerate(split.targets) if len(targets) == 1]
    return margins_of(logits[rows], split.labels), np.array([int(split.targets[row][0] == count) for row in rows])
