"""The neutral output: its probability, the threshold that turns tweets into neutral ones, and what is refused."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tests.model_folders import sign, write_folder, write_word_folder
from tweets.emotions import EMOTIONS, NEUTRAL
from worker.errors import ExitCode, FatalError
from worker.inference.classifier import Classifier, load_classifier
from worker.inference.engine_onnx import OnnxEngine
from worker.inference.model_folder import open_model_folder
from worker.inference.neutral import NeutralCalibration
from worker.process.metrics import Metrics

CALIBRATION: Final = {"scale": 1.0, "shift": 0.5}
TEXTS: Final = ["happy", "rain", "happy rain", "sad sad rain rain rain rain", "hm"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_word_folder(tmp_path_factory.mktemp("neutral"), neutral=CALIBRATION)


def refused(path: Path, *, threshold: float | None = None, code: ExitCode = ExitCode.MODEL) -> str:
    with pytest.raises(FatalError) as caught:
        load_classifier(path, device="cpu", neutral_threshold=threshold)
    assert caught.value.exit_code is code
    message = str(caught.value)
    assert "\n" not in message
    return message


def with_config(path: Path, changes: Mapping[str, Any]) -> Path:
    config = json.loads((path / "config.json").read_text()) | changes
    (path / "config.json").write_text(json.dumps(config))
    sign(path)
    return path


def test_with_scale_1_and_shift_0_the_probability_is_that_of_a_softmax_over_all_outputs() -> None:
    logits = np.random.default_rng(7).normal(0, 5, (50, 7))
    powers = np.exp(logits)
    expected = powers[:, -1] / powers.sum(axis=1)
    assert NeutralCalibration(1.0, 0.0).probabilities(logits) == pytest.approx(expected)


def test_scale_and_shift_are_applied_to_the_log_odds() -> None:
    logits = np.array([[0.0, 0.0, 1.0], [2.0, -1.0, 0.5]])
    expected = [1 / (1 + math.exp(-(0.5 * (row[2] - math.log(math.exp(row[0]) + math.exp(row[1]))) - 2)))
                for row in logits.tolist()]  # fmt: skip
    assert NeutralCalibration(0.5, -2.0).probabilities(logits) == pytest.approx(expected)


@pytest.mark.parametrize("logit", [1e6, -1e6])
def test_huge_logits_do_not_overflow(logit: float) -> None:
    (probability,) = NeutralCalibration(2.0, 1.0).probabilities(np.array([[0.0, 0.0, logit]]))
    assert probability == (1 if logit > 0 else 0)


def test_without_a_threshold_only_the_probability_is_added(path: Path) -> None:
    classifier = load_classifier(path, device="cpu")
    assert classifier.labels == classifier.emotions == EMOTIONS
    for text, prediction in zip(TEXTS, classifier.classify(TEXTS), strict=True):
        assert list(prediction.scores) == list(EMOTIONS)
        assert sum(prediction.scores.values()) == pytest.approx(1)
        assert prediction.confidence == max(prediction.scores.values()) == prediction.scores[prediction.emotion], text
        assert prediction.neutral is not None
    neutral = {text: each.neutral for text, each in zip(TEXTS, classifier.classify(TEXTS), strict=True)}
    assert neutral["happy"] == pytest.approx(1 / (1 + math.exp(-(0.5 - math.log(math.exp(6) + 5)))))
    assert neutral["rain"] == pytest.approx(1 / (1 + math.exp(-(6.5 - math.log(6)))))


def test_above_the_threshold_the_emotion_is_neutral_and_the_scores_stay_those_of_the_labels(path: Path) -> None:
    classifier = load_classifier(path, device="cpu", neutral_threshold=0.9)
    assert classifier.labels == EMOTIONS
    assert classifier.emotions == (*EMOTIONS, NEUTRAL)
    plain = load_classifier(path, device="cpu").classify(TEXTS)
    predictions = classifier.classify(TEXTS)
    assert [each.emotion for each in predictions] == ["joy", NEUTRAL, "joy", NEUTRAL, "sadness"]
    for prediction, without in zip(predictions, plain, strict=True):
        assert (prediction.scores, prediction.neutral) == (without.scores, without.neutral)
        expected = prediction.neutral if prediction.emotion == NEUTRAL else max(prediction.scores.values())
        assert prediction.confidence == expected
        assert prediction.score(prediction.emotion) == prediction.confidence


@pytest.mark.parametrize(("threshold", "emotion"), [(0.0, NEUTRAL), (1.0, "joy")])
def test_the_limits_of_the_threshold_are_every_tweet_and_no_tweet(path: Path, threshold: float, emotion: str) -> None:
    (prediction,) = load_classifier(path, device="cpu", neutral_threshold=threshold).classify(["happy"])
    assert prediction.emotion == emotion


def test_a_probability_equal_to_the_threshold_is_not_above_it(path: Path) -> None:
    (prediction,) = load_classifier(path, device="cpu").classify(["rain"])
    (equal,) = load_classifier(path, device="cpu", neutral_threshold=prediction.neutral).classify(["rain"])
    assert equal == prediction


def test_a_text_has_the_same_probability_alone_and_in_any_batch(path: Path) -> None:
    classifier = load_classifier(path, device="cpu", max_tokens=16)
    together = [each.neutral for each in classifier.classify(TEXTS)]
    assert together == pytest.approx([classifier.classify([text])[0].neutral for text in TEXTS], abs=1e-12)


def test_the_temperature_does_not_change_the_probability(path: Path) -> None:
    folder = open_model_folder(path)
    results = [
        Classifier(
            replace(folder, temperature=temperature),
            OnnxEngine(path, max_pass_tokens=40, metrics=Metrics()),
            metrics=Metrics(),
        ).classify(["happy rain"])[0]
        for temperature in (1.0, 3.0)
    ]
    assert results[0].neutral == results[1].neutral
    assert results[0].confidence > results[1].confidence


def test_a_model_without_the_output_has_no_probability(tmp_path: Path) -> None:
    (prediction,) = load_classifier(write_folder(tmp_path), device="cpu").classify(["i feel fine"])
    assert prediction.neutral is None
    assert list(prediction.json_fields()) == ["emotion", "confidence", "scores"]


def test_a_label_of_its_own_called_neutral_is_a_label_like_any_other(tmp_path: Path) -> None:
    names = {str(number): label for number, label in enumerate((*EMOTIONS[:5], NEUTRAL))}
    golden = [{"text": "i feel fine", "scores": dict.fromkeys(names.values(), 1 / 6)}]
    path = write_folder(tmp_path, config={"id2label": names}, golden=golden)
    classifier = load_classifier(path, device="cpu")
    (prediction,) = classifier.classify(["i feel fine"])
    assert classifier.emotions == (*EMOTIONS[:5], NEUTRAL)
    assert prediction.neutral is None
    assert prediction.score(NEUTRAL) == pytest.approx(1 / 6)
    message = refused(path, threshold=0.9, code=ExitCode.SETTINGS)
    assert "has no neutral output" in message


def test_a_threshold_for_a_model_without_the_output_is_refused_in_one_line(tmp_path: Path) -> None:
    path = write_folder(tmp_path)
    message = refused(path, threshold=0.9, code=ExitCode.SETTINGS)
    assert message.startswith(f"NEUTRAL_THRESHOLD=0.9: the model tiny-1 in MODEL_PATH={path} has no neutral output; ")


@pytest.mark.parametrize(
    "neutral",
    [
        None,
        [],
        {},
        {"scale": 1.0},
        {"scale": 0, "shift": 0},
        {"scale": -1.0, "shift": 0},
        {"scale": True, "shift": 0},
        {"scale": "1", "shift": 0},
        {"scale": 1.0, "shift": math.nan},
        {"scale": math.inf, "shift": 0},
        {"scale": 10**400, "shift": 0},
        {"scale": 1.0, "shift": None},
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_calibration_that_is_none_is_refused_in_one_line(tmp_path: Path, neutral: Any) -> None:
    path = with_config(write_word_folder(tmp_path, neutral=CALIBRATION), {"neutral": neutral})
    message = refused(path)
    assert message.startswith(f"MODEL_PATH={path}: ")
    assert "neutral" in message


def test_a_label_and_an_output_called_neutral_are_refused_together(tmp_path: Path) -> None:
    names = {str(number): label for number, label in enumerate((*EMOTIONS[:5], NEUTRAL))}
    path = with_config(write_word_folder(tmp_path, neutral=CALIBRATION), {"id2label": names})
    assert "a label called neutral and a neutral output" in refused(path)


@pytest.mark.parametrize("value", [0.5, math.nan, None, "high"])
def test_a_wrong_golden_probability_is_refused(tmp_path: Path, value: Any) -> None:
    path = write_word_folder(tmp_path, neutral=CALIBRATION)
    golden = json.loads((path / "golden.json").read_text())
    golden["texts"][0]["neutral"] = value
    (path / "golden.json").write_text(json.dumps(golden))
    sign(path)
    assert str(path) in refused(path) or "wrong scores" in refused(path)


def test_golden_texts_without_the_probability_are_refused(tmp_path: Path) -> None:
    path = write_word_folder(tmp_path, neutral=CALIBRATION)
    golden = json.loads((path / "golden.json").read_text())
    del golden["texts"][0]["neutral"]
    (path / "golden.json").write_text(json.dumps(golden))
    sign(path)
    assert "the golden texts lack the probability of neutral" in refused(path)


def test_a_network_without_the_output_that_its_configuration_names_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path) in refused(write_word_folder(tmp_path, neutral=CALIBRATION, graph_outputs=6))


def test_a_network_with_an_output_that_its_configuration_does_not_name_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path) in refused(write_word_folder(tmp_path))
