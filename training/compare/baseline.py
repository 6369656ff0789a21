"""What words alone achieve: TF-IDF and logistic regression, minutes cheaper than any transformer."""

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
"""What scikit-learn calls C: the higher, the closer the weights may follow the training rows."""
_LEAST_ROWS: Final = 2
"""A word or letter sequence that fewer training rows hold says nothing about others."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted baseline: from texts to features to probabilities."""

    features: Any
    classifier: Any

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """Return the probabilities of each text, [texts, labels]."""
        return np.asarray(self.classifier.predict_proba(self.features.transform(texts)), dtype=np.float64)

    @property
    def inverse_penalty(self) -> float:
        """The one that was chosen."""
        return float(self.classifier.C)

    @property
    def parameters(self) -> int:
        """Weights and offsets of the regression."""
        return int(self.classifier.coef_.size + self.classifier.intercept_.size)


def fit_baseline(data: LearningData, *, normalize: Callable[[str], str]) -> tuple[Baseline, Scores]:
    """Return the baseline of the best penalty on validation, and its scores there.

    Raises TrainingError where the texts share no words.
    """
    features = _features(normalize)
    try:
        learnt = features.fit_transform(data.texts)
    except ValueError as error:
        raise TrainingError(f"{TFIDF}: no word stands in {_LEAST_ROWS} training rows; give more rows") from error
    fitted = []
    with progress(TFIDF, len(_INVERSE_PENALTIES)) as advance:
        for inverse_penalty in _INVERSE_PENALTIES:
            classifier: Any = LogisticRegression(C=inverse_penalty, max_iter=2000, tol=1e-3)
            fitted.append(_judged(Baseline(features, classifier.fit(learnt, data.targets)), data))
            advance(f"C {inverse_penalty:g}: validation accuracy {fitted[-1][1].accuracy:.4f}")
    return max(fitted, key=lambda one: one[1].accuracy + one[1].macro_f1)


def _features(normalize: Callable[[str], str]) -> Any:
    """Return the features: words, pairs of words, and sequences of two to five letters inside words."""
    weighted = {"preprocessor": normalize, "sublinear_tf": True, "min_df": _LEAST_ROWS}
    words: Any = TfidfVectorizer(ngram_range=(1, 2), **weighted)
    letters: Any = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **weighted)
    return FeatureUnion([("words", words), ("letters", letters)])


def _judged(baseline: Baseline, data: LearningData) -> tuple[Baseline, Scores]:
    probabilities = baseline.probabilities(data.validation.texts)
    return baseline, score(probabilities, data.validation.targets, data.labels)
