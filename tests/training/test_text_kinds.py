"""Kinds of text, and the accuracy on each kind."""

import pytest

from training.score.text_kinds import KINDS, accuracy_by_kind, kinds_of


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("ok", ["1 to 3 words"]),
        ("@sam https://example.com/a?b!", ["1 to 3 words", "mention", "link"]),
        ("who moved my lunch?", ["4 to 8 words", "question mark"]),
        ("I don't know", ["1 to 3 words", "negation"]),
        ("dont you dare!", ["1 to 3 words", "exclamation mark", "negation"]),
        ("I know a knot", ["4 to 8 words"]),
        ("WHY IS IT ALWAYS ME", ["4 to 8 words", "all capitals"]),
        ("the UK", ["1 to 3 words"]),
        ("@sam NOOOO #WHY", ["1 to 3 words", "all capitals", "repeated letters", "hashtag", "mention"]),
        ("😂😂", ["1 to 3 words", "emoji", "emoji only"]),
        ("❤️ @sam", ["1 to 3 words", "emoji", "emoji only", "mention"]),
        ("tea 🍵", ["1 to 3 words", "emoji"]),
        ("#monday #mood", ["1 to 3 words", "hashtag", "hashtag only"]),
        ("#monday 😴", ["1 to 3 words", "emoji", "hashtag", "hashtag only"]),
        ("a b c d e f g h i", ["9 to 16 words"]),
        ("a " * 17, ["17 to 30 words"]),
        ("a " * 31, ["more than 30 words"]),
    ],
)
def test_a_text_is_of_one_length_and_of_every_kind_that_fits(text: str, kinds: list[str]) -> None:
    assert list(kinds_of(text)) == kinds
    assert set(kinds) <= set(KINDS)


def test_the_accuracy_is_over_the_rows_of_each_kind() -> None:
    texts = ["ok?", "no", "b c d e"]
    assert accuracy_by_kind(map(kinds_of, texts), [True, False, True]) == {
        "1 to 3 words": {"rows": 2, "accuracy": 0.5},
        "4 to 8 words": {"rows": 1, "accuracy": 1.0},
        "question mark": {"rows": 1, "accuracy": 1.0},
        "negation": {"rows": 1, "accuracy": 0.0},
    }


def test_kinds_that_a_data_set_names_itself_are_in_alphabetical_order() -> None:
    found = accuracy_by_kind([["sarcasm"], [], ["news"], ["news"]], [True, True, False, True])
    assert found == {"news": {"rows": 2, "accuracy": 0.5}, "sarcasm": {"rows": 1, "accuracy": 1.0}}
    assert list(found) == ["news", "sarcasm"]
