"""The table of words gives the token ids of the tokenizer, whatever the texts are, and stays small."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from benchmarks.hostile_texts import hostile_texts
from tests.worker.test_tokens import token_ids, uncut_ids
from tweets.datasets import read_rows
from worker.inference import word_tokens
from worker.inference.model_folder import TOKENIZER_FILE, ModelFolder, open_model_folder
from worker.inference.tokens import TextTokenizer
from worker.inference.word_tokens import LEARNT_AT_ONCE, reads_word_by_word
from worker.settings import BUNDLED_MODEL

FOLDER = open_model_folder(BUNDLED_MODEL)
FOLDERS = {name: replace(FOLDER, normalizer=name) for name in ("tweet-v1", "none")}
TOKENIZERS = {name: TextTokenizer(folder) for name, folder in FOLDERS.items()}
DATA = Path(__file__).parents[2] / "training" / "data"

PIECES = st.sampled_from(
    [
        " ",
        "  ",
        "\n",
        "\x1c",
        "\u0301",
        "\u200b",
        "[SEP]",
        "[CLS]a",
        "日本",
        "é",
        "unbelievably",
        "123",
        "@a",
        "don't",
        "#",
        "-",
    ]
)
TEXTS = st.lists(st.lists(st.text(max_size=10) | PIECES, max_size=12).map("".join), min_size=1, max_size=8)


def of_the_tokenizer(folder: ModelFolder, texts: Sequence[str]) -> list[list[int]]:
    return TextTokenizer(folder)._encoded(texts)


@pytest.mark.parametrize("name", FOLDERS)
@given(texts=TEXTS)
@settings(deadline=None, max_examples=300)
def test_the_ids_of_any_texts_are_those_of_the_tokenizer(name: str, texts: list[str]) -> None:
    readable = [text.encode("utf-8", "replace").decode() for text in texts]
    tokenizer = TOKENIZERS[name]
    assert token_ids(tokenizer, readable) == tokenizer._encoded(readable)


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("rows", ["everyday_tweets", "implied_tweets", "raw_tweets", "unusual_tweets"])
def test_the_ids_of_the_training_tweets_are_those_of_the_tokenizer(name: str, rows: str) -> None:
    texts = [row.text for row in read_rows(str(DATA / f"{rows}.jsonl"), "train")]
    assert token_ids(TOKENIZERS[name], texts) == TOKENIZERS[name]._encoded(texts)


@pytest.mark.parametrize("name", FOLDERS)
def test_the_ids_of_hostile_texts_among_ordinary_ones_are_those_of_the_tokenizer(name: str) -> None:
    texts = [text for hostile in hostile_texts().values() for text in ("so happy", hostile, "not at all", "x" * 40)]
    assert token_ids(TOKENIZERS[name], texts) == TOKENIZERS[name]._encoded(texts)


def test_a_full_table_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_tokens, "REMEMBERED_WORDS", LEARNT_AT_ONCE + 50)
    tokenizer = TextTokenizer(FOLDER)
    for first in range(0, 4_000, 40):
        texts = [f"so happy w{number} unhappily" for number in range(first, first + 40)]
        assert token_ids(tokenizer, texts) == tokenizer._encoded(texts)
        assert tokenizer._table is not None
        assert len(tokenizer._table._numbers) < LEARNT_AT_ONCE + 50


def test_more_new_words_than_are_learnt_at_once_are_tokenised_all_the_same() -> None:
    texts = [" ".join(f"w{number}x{word}" for word in range(20)) for number in range(LEARNT_AT_ONCE // 10)]
    tokenizer = TextTokenizer(FOLDER)
    assert token_ids(tokenizer, texts) == tokenizer._encoded(texts)


def test_a_text_of_more_tokens_than_the_model_reads_is_cut_as_the_tokenizer_cuts() -> None:
    for words in range(FOLDER.max_tokens - 4, FOLDER.max_tokens + 2):
        texts = ["so " * words, "sad"]
        assert token_ids(TOKENIZERS["tweet-v1"], texts) == uncut_ids(FOLDER, texts)


def _berts() -> Tokenizer:
    return Tokenizer.from_file(str(FOLDER.path / TOKENIZER_FILE))


def test_the_bundled_tokenizer_reads_word_by_word() -> None:
    assert reads_word_by_word(_berts())


def _with_a_token_of_two_words(tokenizer: Tokenizer) -> None:
    tokenizer.add_tokens([AddedToken("new york")])


def _with_a_token_that_takes_blanks(tokenizer: Tokenizer) -> None:
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])


def _with_another_normalizer(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = Lowercase()


def _with_another_pre_tokenizer(tokenizer: Tokenizer) -> None:
    tokenizer.pre_tokenizer = Whitespace()


def _with_another_model(tokenizer: Tokenizer) -> None:
    tokenizer.model = WordLevel({"[UNK]": 1, "a": 7}, unk_token="[UNK]")


def _with_both_special_tokens_behind(tokenizer: Tokenizer) -> None:
    tokenizer.post_processor = TemplateProcessing(single="$A [CLS] [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])


def _without_special_tokens(tokenizer: Tokenizer) -> None:
    tokenizer.post_processor = TemplateProcessing(single="$A", special_tokens=[])


@pytest.mark.parametrize(
    "change",
    [
        _with_a_token_of_two_words,
        _with_a_token_that_takes_blanks,
        _with_another_normalizer,
        _with_another_pre_tokenizer,
        _with_another_model,
        _with_both_special_tokens_behind,
        _without_special_tokens,
    ],
)
def test_any_other_tokenizer_reads_whole_texts(change: object) -> None:
    tokenizer = _berts()
    assert callable(change)
    change(tokenizer)
    assert not reads_word_by_word(tokenizer)
