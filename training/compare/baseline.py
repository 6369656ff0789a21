"""The baseline of a comparison: logistic regression on TF-IDF of words and character sequences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

from training.data.learning_data import LearningData
from training.output.errors import TrainingError
from training.output.progress import progress
from training.score.scores import Probabilities, Scores, score

TFIDF: Final = "tfidf"

_INVERSE_PENALTIES: Final = (1.0, 3.0, 10.0, 30.0)
"""The values of scikit-learn's C that are tried. A higher C lets the weights fit the training rows more closely."""
_MIN_ROWS: Final = 2
"""Training rows that must contain a feature: what a model learns from a single row does not hold for other rows."""
_MAX_ITERATIONS: Final = 2000
"""Limit of the solver: scikit-learn's default of 100 may end before the weights converge."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted baseline: the feature extraction and the classifier."""

    features: Any
    classifier: Any

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """Return the probabilities of each text, float64 [texts, labels]."""
        return np.asarray(self.classifier.predict_proba(self.features.transform(texts)), dtype=np.float64)

    @property
    def inverse_penalty(self) -> float:
        """The value of C that was chosen on validation."""
        return float(self.classifier.C)

    @property
    def parameters(self) -> int:
        """Number of weights and intercepts of the regression."""
        return int(self.classifier.coef_.size + self.classifier.intercept_.size)


def fit_baseline(data: LearningData, *, normalize: Callable[[str], str]) -> tuple[Baseline, Scores]:
    """Return the baseline with the best penalty on validation, and its scores on validation.

    The best penalty has the highest sum of accuracy and macro-F1. Raises TrainingError if no word occurs in _MIN_ROWS
    training rows.
    """
    features = _features(normalize)
    try:
        learned = features.fit_transform(data.texts)
    except ValueError as error:
        raise TrainingError(f"{TFIDF}: no word occurs in {_MIN_ROWS} training rows; give more rows") from error
    fitted = []
    with progress(TFIDF, len(_INVERSE_PENALTIES)) as advance:
        for inverse_penalty in _INVERSE_PENALTIES:
            classifier: Any = LogisticRegression(C=inverse_penalty, max_iter=_MAX_ITERATIONS, tol=1e-3)
            fitted.append(_scored(Baseline(features, classifier.fit(learned, data.targets)), data))
            advance(f"C {inverse_penalty:g}: validation accuracy {fitted[-1][1].accuracy:.4f}")
    return max(fitted, key=lambda one: one[1].accuracy + one[1].macro_f1)


def _features(normalize: Callable[[str], str]) -> Any:
    """Return the features: words, pairs of words, and sequences of two to five characters inside words."""
    weighted = {"preprocessor": normalize, "sublinear_tf": True, "min_df": _MIN_ROWS}
    words: Any = TfidfVectorizer(ngram_range=(1, 2), **weighted)
    letters: Any = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **weighted)
    return FeatureUnion([("words", words), ("letters", letters)])


def _scored(baseline: Baseline, data: LearningData) -> tuple[Baseline, Scores]:
    probabilities = baseline.probabilities(data.validation.texts)
    return baseline, score(probabilities, data.validation.targets, data.labels)
