"""The normalisers map raw tweets to words of the training set's domain."""

import random
import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hostile_texts import CHARS, hostile_texts
from tweets import normalizer, plain_characters
from tweets.normalizer import EMPTY, MAX_CHARS, NORMALIZERS, WORD_BY_WORD
from tweets.tweet import MAX_VALUE_BYTES

TEXTS = hostile_texts()

tweet_v1 = NORMALIZERS["tweet-v1"]
unchanged = NORMALIZERS["none"]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("i feel like im not wanted anymore", "i feel like im not wanted anymore"),
        ("I'm HAPPY, aren't you?!", "im happy arent you"),
        ("you don’t care…", "you dont care"),
        ("love you &amp; me &lt;3", "love you me love"),
        ("twice escaped &amp;amp; gone", "twice escaped gone"),
        ("look http://t.co/a?b=c#d and www.example.com now", "look and now"),
        ("RT @bob: so true", "so true"),
        ("@bob thanks, mail a@b.example", "thanks mail a b example"),
        ("#ThrowbackThursday #so_sad #MONDAY", "throwback thursday so sad monday"),
        ("soooo tired, goooood night", "so tired good night"),
        ("noooo I'm allll yours", "no im all yours"),
        ("this is great :) really :-( no <3 </3", "this is great happy really sad no love broken heart"),
        ("why :'( xD >:( ^_^", "why crying laughing angry happy"),
        ("ratio 3:1 at 10:30", "ratio at"),
        ("b4 2day", "b4 2day"),
        ("😂😂😂 ok", "laughing with tears of joy ok"),
        ("❤️ and 👍🏽", "love and good"),
        ("👩‍👧", "woman girl"),
        ("ＦＵＬＬ 𝓱𝓮𝓵𝓵𝓸 café ﬁne", "full hello cafe fine"),
        ("tabs\tand\nlines ", "tabs and lines"),
        ("日本語 text", "日本語 text"),
    ],
)
def test_a_raw_tweet_becomes_the_words_that_the_training_set_would_have(raw: str, words: str) -> None:
    assert tweet_v1(raw) == words


@pytest.mark.parametrize("normalize", NORMALIZERS.values(), ids=NORMALIZERS)
@pytest.mark.parametrize("raw", ["", " ", "\n"])
def test_an_empty_text_becomes_a_classifiable_text(normalize: Callable[[str], str], raw: str) -> None:
    assert normalize(raw) == EMPTY


@pytest.mark.parametrize("raw", ["https://t.co/abc", "@someone", "!!!", "12", "\u200b", "\ud800"])
def test_a_text_of_which_nothing_is_left_becomes_a_classifiable_text(raw: str) -> None:
    assert tweet_v1(raw) == EMPTY


def test_the_normaliser_called_none_changes_nothing() -> None:
    assert NORMALIZERS["none"]("As it IS!") == "As it IS!"


@given(st.text(max_size=300))
@settings(deadline=None)
def test_any_text_becomes_words_with_single_blanks_between_them(raw: str) -> None:
    words = tweet_v1(raw)
    assert words
    assert words == " ".join(words.split())
    assert not set(words) & set("@#&<>:'!?.,/")


_ORDINARY = ("i", "feel", "so", "sad", "about", "this", "happy", "day", "dont", "im")


@given(st.lists(st.sampled_from(_ORDINARY), min_size=1, max_size=30))
def test_texts_in_the_form_of_the_training_set_are_unchanged(words: list[str]) -> None:
    assert tweet_v1(" ".join(words)) == " ".join(words)


HOSTILE = {
    "one letter": "a",
    "hashes": "#",
    "ats": "@",
    "ampersands": "&",
    "half an entity": "&l",
    "a number as entity": "&#9",
    "eyes": ":-",
    "underscores": "T_",
    "caret and dots": "^.",
    "equals and letters": "=o",
    "links": "http://",
    "camel": "#aA",
    "retweets": "RT ",
    "blanks": " \t",
    "accents": "\u0316\u0301\u0345",
    "emoji": "😂🤣",
    "ligatures": "\ufdfa",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    text = (piece * 10_000)[:10_000]

    def best_s(chars: int) -> float:
        taken_s = []
        for _ in range(5):
            started_s = time.perf_counter()
            tweet_v1(text[:chars])
            taken_s.append(time.perf_counter() - started_s)
        return min(taken_s)

    assert best_s(10_000) < 0.1 + 20 * best_s(1_000)


def test_an_entity_with_too_long_a_number_is_no_error() -> None:
    assert tweet_v1("&#" + "9" * 5_000 + "; sad") == "sad"


def test_random_characters_of_all_of_unicode_are_no_error() -> None:
    rng = random.Random(7)
    for _ in range(50):
        assert tweet_v1("".join(chr(rng.randrange(0x110000)) for _ in range(200)))


@pytest.mark.parametrize("normalize", NORMALIZERS.values(), ids=NORMALIZERS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_text_becomes_longer_than_the_bound(text: str, normalize: normalizer.Normalizer) -> None:
    assert len(text) == CHARS
    assert 0 < len(normalize(text, 4_096)) <= 4_096
    assert len(normalize(text * 2)) <= MAX_CHARS


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_text_becomes_long_on_the_way_either(text: str) -> None:
    tweet_v1(text, 4_096)  # fills the cache of characters, which has a bound of its own
    tracemalloc.start()
    try:
        tweet_v1(text, 4_096)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_500_000


def test_a_cut_leaves_no_blank_at_the_end() -> None:
    assert tweet_v1("so sad", 3) == "so"
    assert tweet_v1("So sad!", 3) == "so"
    assert tweet_v1("   sad", 3) == "sad"
    assert tweet_v1("so bad", 3) == "so"


VANISHING = {
    "mentions": "@abcd ",
    "links": "http://t.co/abcdef ",
    "blanks": " \t",
    "entities": "&nbsp;&amp;nbsp; ",
    "numbers": "12 ",
    "punctuation": "... ",
    "accents": "\u0301\u0316",
    "joiners": "\u200d",
    "numbers in brackets, which become four characters each": "⑽",
    "a link of words in one character": "http://" + "㌖" * 500 + " ",
    "no-break blanks": "\xa0",
}


@pytest.mark.parametrize("chars", [5_000, 9_980, 900_000])
@pytest.mark.parametrize("piece", VANISHING.values(), ids=VANISHING)
def test_what_vanishes_in_front_of_a_sentence_costs_no_words(piece: str, chars: int) -> None:
    before = piece * (chars // len(piece))
    assert tweet_v1(before + " I am so happy", 4_096) == "i am so happy"
    assert tweet_v1("well " + before + " I am so happy", 40) == "well i am so happy"


@pytest.mark.parametrize("piece", ["😂", "😂🤣", "a", "@abc ", "⑽", "http://t.co/" + "㌖" * 90 + " ", "&amp;", "1 "])
def test_the_longest_text_that_a_setting_allows_stays_small_on_the_way(piece: str) -> None:
    text = (piece * 1_000_000)[:1_000_000].encode()[:MAX_VALUE_BYTES].decode("utf-8", "ignore")
    tracemalloc.start()
    try:
        assert len(tweet_v1(text, 4_096)) <= 4_096
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 50_000_000


@pytest.mark.parametrize("blank", [" ", "\t\n", "\xa0", "\u200b", "\u0301", "\ufe0f", "\x00"])
def test_characters_that_a_tokenizer_skips_do_not_push_a_sentence_out_of_a_raw_text(blank: str) -> None:
    before = blank * 4_096
    assert unchanged(before + "I am so happy", 4_096).endswith("I am so happy")
    assert unchanged("Well," + before + "I am so happy", 4_096).endswith("I am so happy")
    assert unchanged(" " + before, 4_096).strip(before + " ") in ("", EMPTY)


def test_a_raw_text_within_the_bound_keeps_its_blanks() -> None:
    assert unchanged("  so  " + " " * 100 + "sad ") == "  so  " + " " * 100 + "sad "


def test_rare_characters_do_not_keep_common_ones_out_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    table = plain_characters._UnicodeTable()
    monkeypatch.setattr(plain_characters, "_REMEMBERED_CHARACTERS", 10)
    "".join(map(chr, range(0x4E00, 0x4E00 + 100))).translate(table)
    assert len(table) <= 10
    "\U0001f602\U0001f602".translate(table)
    assert 0x1F602 in table


_PIECES = st.sampled_from(
    [
        "soooo",
        "12",
        "@bob",
        "RT ",
        "#HappyDay",
        "&nbsp;",
        "&amp;#32;",
        ":-)",
        "xD",
        "www.a.b",
        "t.co/x",
        "İ",
        "ﷺ",
        "\u2003",
    ]
)
_TWEETS = st.lists(st.text(max_size=20) | _PIECES | st.sampled_from([" ", "\n", "'"]), max_size=20).map("".join)


def _word_by_word(name: str, text: str, max_chars: int) -> str | None:
    words, finished = WORD_BY_WORD[name]
    read = words(text, max_chars)
    return " ".join(filter(None, map(finished, read.split(" ")))) if read else None


@given(_TWEETS, st.sampled_from([5, 40, 4_096]))
@settings(deadline=None, max_examples=500)
def test_the_words_of_a_tweet_one_by_one_are_those_of_the_whole_tweet(raw: str, max_chars: int) -> None:
    if words := _word_by_word("tweet-v1", raw, max_chars):
        assert words == tweet_v1(raw, max_chars)


@given(_TWEETS, st.sampled_from([5, 40, 4_096]))
@settings(deadline=None)
def test_the_words_of_a_raw_text_one_by_one_are_those_of_the_whole_text(raw: str, max_chars: int) -> None:
    if words := _word_by_word("none", raw, max_chars):
        assert words == " ".join(filter(None, unchanged(raw, max_chars).split(" "))) or not raw.strip()


def test_every_character_between_two_letters_is_read_the_same_word_by_word() -> None:
    for code in range(0x110000):
        text = f"so{chr(code)}o1 {chr(code)}2"
        assert _word_by_word("tweet-v1", text, 4_096) == tweet_v1(text, 4_096), code


def test_an_ordinary_tweet_is_read_word_by_word() -> None:
    assert _word_by_word("tweet-v1", "RT @bob: Soooo happy!! 12 😂 #GoodDay", 4_096) is not None
