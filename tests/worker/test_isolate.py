"""Halving finds exactly the texts on which the model fails."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweets.reasons import BadRecordError
from worker.errors import ExitCode, FatalError
from worker.inference.isolate import classify_each


def _healthy() -> None:
    """Probe with success."""


def _broken() -> None:
    raise RuntimeError("wrong scores")


def _fails_on(bad: Callable[[str], bool]) -> Callable[[Sequence[str]], list[str]]:
    def classify(texts: Sequence[str]) -> list[str]:
        if any(bad(text) for text in texts):
            raise FloatingPointError
        return [text.upper() for text in texts]

    return classify


@given(st.lists(st.sampled_from("abX"), min_size=1, max_size=40))
def test_exactly_the_bad_texts_fail_and_the_order_is_kept(texts: list[str]) -> None:
    results = classify_each(_fails_on(lambda text: text == "X"), _healthy, texts)
    assert len(results) == len(texts)
    for text, result in zip(texts, results, strict=True):
        if text == "X":
            assert isinstance(result, BadRecordError)
            assert result.reason == "classifier_failed"
            assert "FloatingPointError" in str(result)
        else:
            assert result == text.upper()


def test_a_good_batch_is_one_call_and_needs_no_probe() -> None:
    calls: list[int] = []

    def classify(texts: Sequence[str]) -> Sequence[str]:
        calls.append(len(texts))
        return texts

    assert classify_each(classify, _broken, ["a", "b", "c"]) == ["a", "b", "c"]
    assert calls == [3]


def test_one_bad_text_of_512_costs_few_calls() -> None:
    calls = 0

    def classify(texts: Sequence[str]) -> Sequence[str]:
        nonlocal calls
        calls += 1
        if "X" in texts:
            raise ValueError
        return texts

    results = classify_each(classify, _healthy, ["a"] * 300 + ["X"] + ["a"] * 211)
    assert sum(isinstance(result, BadRecordError) for result in results) == 1
    assert calls <= 2 * 9 + 1


def test_a_batch_too_large_for_the_memory_gets_through_in_halves() -> None:
    def classify(texts: Sequence[str]) -> Sequence[str]:
        if len(texts) > 3:
            raise MemoryError
        return texts

    texts = [str(number) for number in range(20)]
    assert classify_each(classify, _broken, texts) == texts


def test_a_failing_probe_is_fatal_and_makes_no_dead_letter() -> None:
    with pytest.raises(FatalError, match="known to classify: wrong scores") as caught:
        classify_each(_fails_on(lambda _: True), _broken, ["a", "b"])
    assert caught.value.exit_code is ExitCode.ENGINE


def test_a_fatal_error_of_the_model_passes_through() -> None:
    def classify(texts: Sequence[str]) -> Sequence[str]:
        raise FatalError("no GPU any more", ExitCode.MODEL)

    with pytest.raises(FatalError, match="no GPU any more") as caught:
        classify_each(classify, _healthy, ["a", "b"])
    assert caught.value.exit_code is ExitCode.MODEL


def test_the_error_of_a_text_does_not_quote_the_text() -> None:
    def classify(texts: Sequence[str]) -> Sequence[str]:
        raise ValueError(f"cannot do {texts[0]}")

    (result,) = classify_each(classify, _healthy, ["xyzzy"])
    assert "xyzzy" not in str(result)
