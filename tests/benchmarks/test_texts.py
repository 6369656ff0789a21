"""The texts of the benchmark do not repeat, and every beginning of them has the mix of lengths of the data set."""

import json
from pathlib import Path

import pytest

from benchmarks.suite.errors import BenchmarkError
from benchmarks.suite.scaling import RECENT, with_repeats
from benchmarks.suite.texts import Texts
from worker.settings import BUNDLED_MODEL


def data_set(folder: Path, texts: list[str]) -> str:
    path = folder / "tweets.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return str(path)


def test_texts_beyond_the_data_set_are_its_texts_in_another_order_of_words(tmp_path: Path) -> None:
    source = ["i feel so very happy about it today", "nobody comes and i am sad and alone"]
    found = Texts.of(data_set(tmp_path, source), BUNDLED_MODEL).distinct(40)
    assert len({text.raw for text in found}) == 40
    assert {tuple(sorted(text.raw.split())) for text in found} == {tuple(sorted(text.split())) for text in source}
    assert len({text.tokens for text in found}) <= 2


def test_every_beginning_has_about_the_mean_length_of_all_texts(tmp_path: Path) -> None:
    source = [" ".join(["happy"] * (1 + number % 50)) + f" {number}" for number in range(500)]
    texts = Texts.of(data_set(tmp_path, source), BUNDLED_MODEL)
    mean = sum(texts.lengths) / len(texts.lengths)
    for count in (30, 100, 250):
        beginning = [text.tokens for text in texts.distinct(count)]
        assert sum(beginning) / count == pytest.approx(mean, rel=0.06)


def test_the_tokens_are_those_that_the_model_reads(tmp_path: Path) -> None:
    (short, long) = sorted(
        Texts.of(data_set(tmp_path, ["happy", "happy " * 1_000]), BUNDLED_MODEL).texts, key=lambda text: text.tokens
    )
    assert (short.tokens, long.tokens) == (3, 128)


def test_the_results_name_a_file_without_its_place_on_the_machine(tmp_path: Path) -> None:
    assert Texts.of(data_set(tmp_path, ["happy"]), BUNDLED_MODEL).dataset == "tweets"
    assert Texts.of("sample", BUNDLED_MODEL).dataset == "sample"


@pytest.mark.parametrize("content", [None, ""])
def test_a_data_set_that_is_missing_or_empty_is_one_line(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "none.jsonl"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(BenchmarkError, match=r"^DATASET=.*none\.jsonl: [^\n]+$"):
        Texts.of(str(path), BUNDLED_MODEL)


@pytest.mark.parametrize(("share", "different"), [(0, 200), (50, 100), (90, 20), (100, 1)])
def test_a_share_of_repeated_tweets_is_met_exactly(share: int, different: int) -> None:
    found = with_repeats([str(number) for number in range(200)], share)
    assert (len(found), len(set(found))) == (200, different)


def test_a_repeated_tweet_follows_its_first_appearance_closely() -> None:
    found = with_repeats([str(number) for number in range(5_000)], 50)
    seen: dict[str, int] = {}
    for position, text in enumerate(found):
        assert position - seen.get(text, position) <= RECENT
        seen[text] = position
