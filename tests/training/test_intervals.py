"""Bootstrap intervals of scores, and the paired comparison of two models."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from training.score.calibration import Floats, calibration_error
from training.score.evaluation import Evaluation, evaluation_of
from training.score.intervals import SEED, bootstrap, interval, outcomes
from training.score.paired import mcnemar, paired
from training.score.scores import Probabilities, softmax
from training.score.served import Served
from worker.inference.model_folder import Golden, ModelFolder

LABELS = ("glad", "low", "cross")


def predictions(rows: int, *, seed: int = 3, sharpness: float = 2.0) -> tuple[Probabilities, list[int]]:
    """Make the probabilities of a model of middling quality, and the true class numbers."""
    rng = np.random.default_rng(seed)
    targets = rng.choice(3, size=rows, p=[0.7, 0.25, 0.05])
    logits = rng.normal(size=(rows, 3)) + sharpness * np.eye(3)[targets]
    return softmax(logits), targets.tolist()


def evaluation(probabilities: Probabilities, targets: list[int]) -> Evaluation:
    folder = ModelFolder(Path("made-up"), "made-up", LABELS, "none", 1.0, 8, Golden(0.1, [], []))
    return evaluation_of(folder, Served(probabilities, None), targets, resamples=500)


def test_each_sample_has_the_scores_that_scikit_learn_computes() -> None:
    probabilities, targets = predictions(60)
    samples = bootstrap(outcomes(probabilities, targets), resamples=40)
    drawn = np.random.default_rng(SEED).integers(60, size=(40, 60))
    for number, rows in enumerate(drawn):
        truth, given = np.asarray(targets)[rows], probabilities[rows].argmax(axis=1)
        by_label = f1_score(truth, given, labels=[0, 1, 2], average=None, zero_division=0.0)
        weighted = f1_score(truth, given, labels=[0, 1, 2], average="weighted", zero_division=0.0)
        assert samples.accuracy[number] == pytest.approx(accuracy_score(truth, given))
        assert samples.f1[number] == pytest.approx(by_label)
        assert samples.macro_f1[number] == pytest.approx(by_label.mean())
        assert samples.weighted_f1[number] == pytest.approx(weighted)
        assert samples.ece[number] == pytest.approx(calibration_error(probabilities[rows], truth.tolist()))


def test_a_large_split_is_sampled_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = outcomes(*predictions(100))
    whole = bootstrap(rows, resamples=25)
    monkeypatch.setattr("training.score.intervals._DRAWS_AT_ONCE", 700)
    parts = bootstrap(rows, resamples=25)
    assert np.array_equal(whole.macro_f1, parts.macro_f1)
    assert np.array_equal(whole.ece, parts.ece)


def test_the_interval_of_accuracy_has_the_width_of_the_normal_approximation() -> None:
    probabilities, targets = predictions(2_000)
    samples = bootstrap(outcomes(probabilities, targets), resamples=1_000)
    accuracy = float(np.mean(probabilities.argmax(axis=1) == targets))
    half_width = 1.96 * np.sqrt(accuracy * (1 - accuracy) / 2_000)
    low, high = interval(samples.accuracy)
    assert low == pytest.approx(accuracy - half_width, abs=0.15 * half_width)
    assert high == pytest.approx(accuracy + half_width, abs=0.15 * half_width)


def test_the_rows_of_the_confusion_matrix_are_the_true_labels() -> None:
    rows = outcomes(np.eye(3)[[0, 1, 1, 2]], [0, 0, 1, 2])
    assert rows.confusion().tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("only_one", "only_other", "p_value"),
    [(0, 0, 1.0), (4, 4, 1.0), (1, 0, 1.0), (0, 5, 2 / 2**5), (6, 0, 2 / 2**6), (1, 5, 2 * (1 + 6) / 2**6)],
)
def test_mcnemars_p_is_that_of_the_exact_binomial_test(only_one: int, only_other: int, p_value: float) -> None:
    assert mcnemar(only_one, only_other) == pytest.approx(p_value)


def test_a_model_does_not_differ_from_itself() -> None:
    probabilities, targets = predictions(200)
    found = paired(evaluation(probabilities, targets), evaluation(probabilities, targets))
    assert (found.only_this_right, found.only_other_right, found.mcnemar_p) == (0, 0, 1.0)
    assert found.accuracy.as_dict() == found.macro_f1.as_dict() == {"value": 0.0, "interval": [0.0, 0.0]}


def test_the_sign_of_the_difference_shows_the_better_model() -> None:
    better, targets = predictions(600, sharpness=3.0)
    worse, _ = predictions(600, sharpness=1.0)
    found = paired(evaluation(better, targets), evaluation(worse, targets))
    assert found.only_this_right > found.only_other_right
    assert found.mcnemar_p < 0.001
    assert 0.0 < found.accuracy.interval.low < found.accuracy.value < found.accuracy.interval.high
    assert found.macro_f1.value == pytest.approx(np.mean([one.value for one in found.f1.values()]))


def test_a_paired_interval_finds_a_difference_that_two_separate_intervals_hide() -> None:
    first, targets = predictions(1_000)
    second = _with_some_made_wrong(first, targets, 12)
    one, other = evaluation(first, targets), evaluation(second, targets)
    assert interval(one.samples.accuracy).low < interval(other.samples.accuracy).high
    assert paired(one, other).accuracy.interval.low > 0.0


def _with_some_made_wrong(probabilities: Probabilities, targets: list[int], count: int) -> Floats:
    changed = probabilities.copy()
    right = np.flatnonzero(probabilities.argmax(axis=1) == targets)[:count]
    changed[right] = np.roll(changed[right], 1, axis=1)
    return changed
