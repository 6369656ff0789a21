"""The tweets in other languages, of emoji alone and of hashtags alone."""

from collections import Counter
from pathlib import Path

import pytest

from training.data.raw_tweets import SHIPPED
from training.score.text_kinds import kinds_of
from tweets.datasets import SAMPLE_FILES, Row, read_rows
from tweets.emotions import EMOTIONS, NEUTRAL
from tweets.normalizer import NORMALIZERS

FILE = Path(__file__).parents[2] / "training" / "data" / "unusual_tweets.jsonl"


def rows() -> list[Row]:
    return list(read_rows(str(FILE), "test"))


def test_they_are_all_different_and_have_every_label_and_a_kind() -> None:
    found = rows()
    assert len({row.text for row in found}) == len(found) > 150
    assert {row.label for row in found} == {*EMOTIONS, NEUTRAL}
    assert all(row.kind for row in found)


@pytest.mark.parametrize("normalizer", sorted(NORMALIZERS))
@pytest.mark.parametrize("evaluation", [*SAMPLE_FILES, str(FILE)], ids=lambda name: Path(name).stem)
def test_no_shipped_text_is_both_trained_on_and_evaluated(evaluation: str, normalizer: str) -> None:
    normalize = NORMALIZERS[normalizer]

    def texts(dataset: str) -> set[str]:
        return {" ".join(normalize(row.text).casefold().split()) for row in read_rows(dataset, "test")}

    for name, file in SHIPPED.items():
        assert not texts(evaluation) & texts(str(file)), name


def test_at_least_100_are_in_more_than_ten_other_languages() -> None:
    languages = Counter(row.kind for row in rows() if not str(row.kind).endswith("only"))
    assert languages.total() >= 100
    assert len(languages) > 10


def test_the_kinds_of_emoji_and_hashtags_are_those_that_the_table_finds() -> None:
    for row in rows():
        assert {kind for kind in kinds_of(row.text) if kind.endswith("only")} == {row.kind} & {
            *("emoji only", "hashtag only")
        }, row.text
