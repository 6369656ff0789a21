"""The texts on which a model's scores on raw tweets are measured."""

import pytest

from training.data.splits import Split
from training.export.robustness import SHIFTED, texts_of
from tweets.datasets import SAMPLE, SAMPLE_DEV, read_rows
from tweets.emotions import EMOTIONS

TEST = Split("test", (0, 1), ("i feel glad", "i feel low"), (0, 1))


def test_the_test_split_is_scored_unchanged_and_shifted() -> None:
    found = texts_of(TEST, ("glad", "low"))
    assert list(found) == ["test", SHIFTED]
    assert found[SHIFTED].targets == TEST.targets
    assert found[SHIFTED].texts != TEST.texts
    assert texts_of(None, ("glad", "low")) == {}


@pytest.mark.parametrize("labels", [EMOTIONS, tuple(reversed(EMOTIONS)), (*EMOTIONS, "neutral")])
@pytest.mark.parametrize("sample", [SAMPLE, SAMPLE_DEV])
def test_the_samples_are_scored_by_every_model_that_has_their_emotions(labels: tuple[str, ...], sample: str) -> None:
    found = texts_of(None, labels)[sample]
    usual = [row.label for row in read_rows(sample, "test") if row.label in labels]
    assert [labels[target] for target in found.targets] == usual
