"""The sets on which an exported model is scored, what is measured on them, and the threshold that is suggested."""

import json
from pathlib import Path

import numpy as np
import pytest

from training.data.evaluation_rows import EvaluationRows
from training.data.mapping import MappedDataset
from training.data.splits import Split
from training.export.evaluation_sets import UNUSUAL, EvaluationSet, evaluation_sets
from training.export.measured_sets import MeasuredSet
from training.export.threshold import MAX_LOST, MAX_LOST_WITHOUT_NEUTRAL, ChoiceSet, chosen_threshold
from training.score.neutral import NeutralScores
from training.score.served import Served
from tweets.emotions import EMOTIONS

LABELS = ("glad", "low")
SCORES = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
TARGETS = (0, 1, 1, 1)


def measured(*, neutral: bool = True) -> MeasuredSet:
    labelled = Split("test", (0, 2, 3, 4), ("sun?", "rain", "fog", "AH NO"), TARGETS)
    rows = EvaluationSet(
        "talk", EvaluationRows(labelled, Split("test", (1,), ("bus",), (2,))), ids="talk-test", kinds={2: "weather"}
    )
    served = Served(SCORES, np.array([0.1, 0.2, 0.7, 0.3]) if neutral else None)
    of_neutral = Served(SCORES[:1], np.array([0.9]) if neutral else None)
    return MeasuredSet(rows, LABELS, 1.0, {"int8": served, "fp32": served}, {"int8": of_neutral, "fp32": of_neutral})


def test_labels_neutral_and_kinds_are_measured() -> None:
    found = measured().as_dict(0.5)
    assert found["int8"] == found["fp32"]
    assert (found["int8"]["accuracy"], found["int8"]["rows"], found["neutral_rows"]) == (0.5, 4, 1)
    assert found["int8"]["mean_confidence"] == pytest.approx(0.75)
    neutral = found["int8"]["neutral"]
    assert (neutral["area_under_roc"], neutral["found"], neutral["lost"]) == (1.0, 1.0, 0.25)
    assert (found["label_agreement"], found["mean_score_difference"]) == (1.0, 0.0)
    assert found["kinds"]["1 to 3 words"] == {"rows": 4, "accuracy": 0.5}
    assert found["kinds"]["all capitals"] == {"rows": 1, "accuracy": 0.0}
    assert found["declared_kinds"] == {"weather": {"rows": 1, "accuracy": 0.0}}
    assert found["best_temperature"] > 1.0
    json.dumps(found)


def test_a_model_without_the_output_has_no_neutral_scores() -> None:
    assert "neutral" not in measured(neutral=False).as_dict(None)["int8"]


def test_the_most_confident_mistakes_come_first() -> None:
    wrong = measured().mistakes()
    assert [(one["id"], one["text"], one["label"], one["prediction"]) for one in wrong] == [
        ("talk-test-2", "rain", "low", "glad"),
        ("talk-test-4", "AH NO", "low", "glad"),
    ]
    assert wrong[0]["confidence"] == 0.8


def test_the_shipped_tweets_are_sets_for_a_model_with_all_emotions() -> None:
    sets = {one.name: one for one in evaluation_sets((), EMOTIONS)}
    assert list(sets) == ["sample", "sample-dev", UNUSUAL]
    assert [name for name, one in sets.items() if one.is_for_choices] == ["sample-dev"]
    assert len(sets["sample"].rows.neutral) >= 100
    assert sets["sample"].ids == "sample-test"
    assert set(sets["sample"].kinds) >= set(sets["sample"].rows.labelled.numbers)
    assert evaluation_sets((), LABELS) == []


def test_validation_and_test_of_mapped_data_sets_are_sets(tmp_path: Path) -> None:
    rows = [{"text": "sun", "labels": ["glad"]}, {"text": "rain", "labels": ["sad"]}, {"text": "x", "labels": ["no"]}]
    for split in ("validation", "test"):
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = MappedDataset(str(tmp_path), LABELS, {"glad": ("glad",), "sad": ("low",), "no": ("neutral",)})
    name = tmp_path.name
    sets = {one.name: one for one in evaluation_sets([spec, MappedDataset("own", LABELS)], LABELS)}
    names = [f"{name}-{split}{more}" for split in ("validation", "test") for more in ("", ", same names")]
    assert list(sets) == names
    assert [len(sets[one].rows.labelled) for one in names] == [2, 1, 2, 1]
    assert all(len(one.rows.neutral) == 1 for one in sets.values())
    assert [one.is_for_choices for one in sets.values()] == [True, True, False, False]
    assert not any(one.is_quotable for one in sets.values())


def test_the_threshold_keeps_the_limit_of_each_set() -> None:
    spread = np.linspace(0.0, 0.99, 100)
    talk = ChoiceSet("talk-validation", NeutralScores(spread, np.array([0.5, 0.95])), False)
    own = ChoiceSet("validation", NeutralScores(np.append(np.zeros(999), 0.97), np.array([])), True)
    found = chosen_threshold([own, talk])
    assert found["threshold"] == pytest.approx(1 - MAX_LOST - 0.01, abs=1e-9)
    assert found["chosen_on"]["validation"]["max_lost"] == MAX_LOST_WITHOUT_NEUTRAL
    assert found["chosen_on"]["talk-validation"]["found"] == 0.5
    assert found["chosen_on"]["talk-validation"]["lost"] <= MAX_LOST
    strict = ChoiceSet("validation", NeutralScores(np.array([0.2, 0.965]), np.array([])), True)
    assert chosen_threshold([strict, talk])["threshold"] == 0.97
    assert chosen_threshold([ChoiceSet("validation", NeutralScores(np.ones(3), np.array([])), True)]) == {
        "threshold": None,
        "rule": found["rule"],
        "chosen_on": {
            "validation": {
                "max_lost": MAX_LOST_WITHOUT_NEUTRAL,
                **NeutralScores(np.ones(3), np.array([])).as_dict(None),
            }
        },
    }
