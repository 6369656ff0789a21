"""The effect of each word, from the scores of the texts without the word."""

from dashboard.request_queue import TEXT_MAX_CHARS
from dashboard.word_effects import WORDS_MAX, without_each, word_effects
from tests.fakes import happiness
from tests.records import a_prediction
from tweets.emotions import NEUTRAL
from tweets.prediction import Prediction


def test_each_word_is_left_out_once() -> None:
    assert without_each("so  happy\ttoday") == ["happy today", "so today", "so happy"]


def test_the_fall_is_the_difference_of_the_labels_score() -> None:
    text = "so happy today"
    words = word_effects(text, happiness(text), [happiness(each) for each in without_each(text)])
    assert words == [{"word": "so", "fall": 0.0}, {"word": "happy", "fall": 0.25}, {"word": "today", "fall": 0.0}]


def test_a_word_against_the_label_has_a_negative_fall() -> None:
    words = word_effects("not good", happiness("not good"), [a_prediction("joy", 0.7), a_prediction("joy", 0.1)])
    assert [word["fall"] for word in words] == [-0.3, 0.3]


def test_a_word_of_a_neutral_text_changes_the_probability_of_neutral() -> None:
    whole, without = (Prediction(NEUTRAL, neutral, {"joy": 1.0}, neutral) for neutral in (0.9, 0.6))
    sure = Prediction("joy", 1.0, {"joy": 1.0}, 0.1)
    words = word_effects("rain today", whole, [without, sure])
    assert [word["fall"] for word in words] == [0.3, 0.8]


def test_a_text_of_one_word_has_no_fall() -> None:
    assert without_each(" happy ") == []
    assert word_effects("happy", happiness("happy"), []) == [{"word": "happy", "fall": None}]


def test_words_beyond_the_limit_are_listed_but_not_tried() -> None:
    text = " ".join(f"word{number}" for number in range(WORDS_MAX + 5))
    without = without_each(text)
    assert len(without) == WORDS_MAX
    words = word_effects(text, happiness(text), [happiness(each) for each in without])
    assert [word["word"] for word in words] == text.split()
    assert [number for number, word in enumerate(words) if word["fall"] is None] == list(
        range(WORDS_MAX, WORDS_MAX + 5)
    )


def test_the_copies_of_a_long_text_are_no_longer_than_what_the_model_reads() -> None:
    text = "so happy " + "😂 " * 5_000
    without = without_each(text)
    assert [len(each) for each in without] == [TEXT_MAX_CHARS] * WORDS_MAX
    assert without[0].startswith("happy 😂")
    assert len(word_effects(text, happiness(text), [happiness(each) for each in without])) == 5_002
