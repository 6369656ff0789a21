"""The rows with the highest loss, and the wrong rows with the highest confidence."""

from pathlib import Path

import numpy as np
import pytest

from training.evaluate.text import described
from training.score.calibration import Floats
from training.score.evaluation import Evaluation, evaluation_of
from training.score.hard_rows import hardest, most_confidently_wrong
from training.score.served import Served
from worker.inference.model_folder import Golden, ModelFolder

LABELS = ("glad", "low", "cross")


def evaluation(probabilities: Floats, targets: list[int]) -> Evaluation:
    folder = ModelFolder(Path("made-up"), "made-up", LABELS, "none", 1.0, 8, Golden(0.1, [], []))
    return evaluation_of(folder, Served(probabilities, None), targets, resamples=100)


ROWS = np.array([[0.1, 0.8, 0.1], [0.01, 0.04, 0.95], [0.34, 0.33, 0.33], [0.9, 0.05, 0.05]])
IDS = [f"moods-test-{number}" for number in range(4)]


def test_the_hardest_rows_have_the_highest_loss() -> None:
    found = hardest(evaluation(ROWS, [0, 1, 2, 0]), IDS, count=2)
    assert [(row.id, row.label, row.prediction) for row in found] == [
        ("moods-test-1", "low", "cross"),
        ("moods-test-0", "glad", "low"),
    ]
    assert found[0].loss == pytest.approx(-np.log(0.04))


def test_a_correct_row_is_never_listed_as_confidently_wrong() -> None:
    found = most_confidently_wrong(evaluation(ROWS, [1, 1, 2, 0]), IDS, count=20)
    assert [(row.id, row.confidence) for row in found] == [("moods-test-1", 0.95), ("moods-test-2", 0.34)]
    assert most_confidently_wrong(evaluation(ROWS[3:], [0]), IDS, count=20) == []


def test_a_text_cannot_move_the_terminals_cursor() -> None:
    found = evaluation(ROWS, [0, 1, 2, 0])
    wrong = most_confidently_wrong(found, IDS, count=1)
    printed = described("moods-test", found, None, wrong, texts=["", "one\x1b[2J\r\ntwo " + "long " * 50, "", ""])
    (line,) = [line for line in printed.splitlines() if "moods-test-1 " in line]
    assert "one [2J two long" in line
    assert line.endswith("…")
    assert "\x1b" not in printed
