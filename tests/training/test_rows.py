"""The rows that an epoch shows and their augmentation depend on the seed and the epoch alone."""

import random
import re
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.training.moods import MakeDataset, rows_of
from training.data.learning_data import read_learning_data
from training.data.parts import TrainingPart
from training.data.raw_tweets import RAW_TWEETS, RAW_TWEETS_FILE
from training.data.shift import shifted, shifted_texts
from training.data.splits import read_split
from training.learn.augment import Augmentation, without_feeling
from training.learn.imbalance import Imbalance, class_weights, rows_of_epoch
from training.learn.rows import EpochBatches, TrainingRows
from training.output.errors import TrainingError
from tweets.datasets import SAMPLE_FILES, read_rows
from tweets.emotions import EMOTIONS
from tweets.normalizer import NORMALIZERS

TARGETS = [0] * 10 + [1] * 4 + [2]
TEXTS = [f"i feel so {word} about the {thing} today" for word in ("happy", "lonely") for thing in ("garden", "lessons")]


def length_only(texts: Sequence[str]) -> list[list[int]]:
    return [[3, *map(len, text.split()), 4] for text in texts]


def rows(targets: list[int], *, seed: int = 1, shifted: float = 0.0) -> TrainingRows:
    texts = [TEXTS[row % 4] + " again" * (row % 5) for row in range(len(targets))]
    part = TrainingPart("train", tuple(texts), tuple((target,) for target in targets))
    augmentation = Augmentation(shifted=shifted, unannounced=0.0)
    return TrainingRows((part,), labels=3, neutral=False, augmentation=augmentation, encode=length_only, seed=seed)


@pytest.mark.parametrize(
    ("way", "counts"),
    [
        (Imbalance.NONE, {0: 10, 1: 4, 2: 1}),
        (Imbalance.FOCAL, {0: 10, 1: 4, 2: 1}),
        (Imbalance.OVERSAMPLE, {0: 10, 1: 10, 2: 10}),
        (Imbalance.UNDERSAMPLE, {0: 1, 1: 1, 2: 1}),
    ],
)
def test_an_epoch_shows_each_class_as_often_as_the_strategy_defines(way: Imbalance, counts: dict[int, int]) -> None:
    shown = rows_of_epoch(TARGETS, way, random.Random(0))
    assert Counter(TARGETS[row] for row in shown) == counts
    if way is Imbalance.OVERSAMPLE:
        assert set(shown) == set(range(len(TARGETS)))  # no row is lost


def test_undersampling_draws_other_rows_in_another_epoch() -> None:
    drawn = [tuple(rows_of_epoch(TARGETS, Imbalance.UNDERSAMPLE, random.Random(epoch))) for epoch in range(8)]
    assert len(set(drawn)) > 1


def test_class_weights_rise_with_rarity_and_average_to_one_over_the_rows() -> None:
    weights = class_weights(TARGETS, 3)
    assert weights == sorted(weights)
    assert sum(weights[target] for target in TARGETS) / len(TARGETS) == pytest.approx(1)
    assert weights[2] / weights[0] == pytest.approx(10**0.5)


def test_an_epoch_shows_every_row_once_in_batches_of_similar_length() -> None:
    batches = EpochBatches(rows([0] * 70), 8, Imbalance.NONE)
    batches.begin(1)
    shown = list(batches)
    assert len(shown) == len(batches) == 9
    assert sorted(row for batch in shown for row in batch) == list(range(70))
    input_ids, mask, targets, *_ = batches.collate(shown[0], pad_id=0)
    assert input_ids.shape == mask.shape
    assert len(targets) == len(shown[0])


def test_the_seed_and_the_epoch_decide_order_and_changes() -> None:
    def seen(seed: int, epoch: int) -> tuple[object, object]:
        batches = EpochBatches(rows([0] * 40, seed=seed, shifted=0.8), 8, Imbalance.NONE)
        batches.begin(epoch)
        return list(batches), batches.ids

    assert seen(1, 2) == seen(1, 2)
    assert seen(1, 2) != seen(1, 3)
    assert seen(1, 2) != seen(2, 2)


def test_an_epoch_can_be_entered_in_its_middle() -> None:
    batches = EpochBatches(rows([0] * 40), 8, Imbalance.NONE)
    batches.begin(1)
    whole = list(batches)
    batches.begin(1, skip=2)
    assert list(batches) == whole[2:]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("i feel so happy about it", "so happy about it"),
        ("she was feeling like a guest", "a guest"),
        ("well i am just feeling rushed and i felt it coming", "well rushed and it coming"),
        ("i feel", "i feel"),
        ("a feeler gauge", "a feeler gauge"),
    ],
)
def test_i_feel_and_similar_words_can_be_left_out(text: str, left: str) -> None:
    assert without_feeling(text) == left


def test_no_augmentation_changes_nothing() -> None:
    view = Augmentation(shifted=0.0, unannounced=0.0).view
    assert [view(text, random.Random(n)) for n, text in enumerate(TEXTS)] == TEXTS


def test_the_shifted_copy_depends_on_the_texts_and_the_seed_alone() -> None:
    assert shifted_texts(TEXTS) == shifted_texts(TEXTS)
    assert shifted_texts(TEXTS) != shifted_texts(TEXTS, seed=1)


def test_the_shift_adds_everything_that_the_data_set_lacks() -> None:
    copies = [shifted("i feel happy and calm because the long day is over", random.Random(n)) for n in range(300)]
    for what in (
        r"[A-Z]",
        r"[.!?…]",
        r"@user\d",
        r"https://example\.com/",
        r"#\w",
        "[☕📷🎧🐈]",
        r"([aeiou])\1\1",
        "&amp;",
    ):
        share = sum(bool(re.search(what, copy)) for copy in copies) / len(copies)
        assert 0.02 < share < 0.99, what


def test_normalised_shifted_texts_mostly_have_the_words_of_the_original() -> None:
    normalize = NORMALIZERS["tweet-v1"]
    original = "i feel happy and calm because the long day is over"
    kept = []
    for n in range(200):
        words = set(normalize(shifted(original, random.Random(n))).split())
        kept.append(len(words & set(original.split())) / len(set(original.split())))
    assert sum(kept) / len(kept) > 0.85


def test_the_shipped_tweets_are_added_to_the_six_emotions_only(make_dataset: MakeDataset) -> None:
    feelings = [{"text": f"so {emotion} {n}", "label": emotion} for emotion in EMOTIONS for n in range(2)]
    six = make_dataset(train=feelings, validation=feelings[:6])
    data = read_learning_data(six, None, add=RAW_TWEETS)
    assert data.added is not None
    assert len(data.texts) == len(data.targets) == 12 + len(data.added)
    assert read_learning_data(six, None, add=None).added is None
    others = make_dataset(train=rows_of(("glad", "low"), each=2), validation=rows_of(("glad",), each=1))
    assert read_learning_data(others, None, add=RAW_TWEETS).added is None


def test_the_shipped_tweets_are_balanced_and_share_no_six_words_with_the_samples() -> None:
    shipped = read_split(str(RAW_TWEETS_FILE), "train", EMOTIONS)
    counts = Counter(shipped.targets)
    assert len(shipped) == len(set(shipped.texts)) > 2_500
    assert max(counts.values()) < 1.1 * min(counts.values())
    samples = [row.text for name in SAMPLE_FILES for row in read_rows(name, "test")]
    assert not set(map(words, shipped.texts)) & set(map(words, samples))
    runs = [run for text in samples for run in six_words(text)]
    assert not set(runs) & {run for text in shipped.texts for run in six_words(text)}


def words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z']+", text.lower()))


def six_words(text: str) -> list[tuple[str, ...]]:
    found = words(text)
    return [found[at : at + 6] for at in range(len(found) - 5)]


def test_a_warning_counts_the_rows_that_are_in_two_splits(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = make_dataset(train=rows_of(("glad", "low"), each=3), validation=rows_of(("glad", "low"), each=1))
    read_learning_data(dataset, None, add=None)
    assert "warning: 2 of 2 rows of 'validation' are also in 'train'" in capsys.readouterr().err


def test_added_rows_that_are_also_in_validation_are_left_out(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = make_dataset(train=rows_of(("glad", "low"), each=3), validation=rows_of(("glad", "low"), each=1))
    data = read_learning_data(dataset, None, add=dataset)
    assert data.added is not None
    assert not set(data.added.texts) & set(data.validation.texts)
    assert "2 added rows are also in 'validation' and are left out" in capsys.readouterr().err


def test_the_error_names_an_added_data_set_that_does_not_exist(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(train=rows_of(("glad", "low"), each=3), validation=rows_of(("glad", "low"), each=1))
    with pytest.raises(TrainingError, match="nowhere"):
        read_learning_data(dataset, None, add="/nowhere.jsonl")
