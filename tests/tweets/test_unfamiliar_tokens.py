"""The share of unfamiliar tokens, on a small vocabulary and on the bundled model's."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from tweets.datasets import SAMPLE, SAMPLE_DEV, Row, read_rows
from tweets.normalizer import NORMALIZERS
from tweets.unfamiliar_tokens import UNFAMILIAR_ABOVE, UnfamiliarTokens
from worker.inference.model_folder import TOKENIZER_FILE, open_model_folder
from worker.settings import BUNDLED_MODEL

VOCABULARY = {token: n for n, token in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "sun", "##day", "##s"))}
UNUSUAL = Path(__file__).parents[2] / "training" / "data" / "unusual_tweets.jsonl"


@pytest.mark.parametrize(
    ("tokens", "share"),
    [
        ("[CLS] sun [SEP]", 0.0),
        ("[CLS] sun ##day ##s [SEP] [PAD] [PAD]", 2 / 3),
        ("[CLS] [UNK] sun [SEP]", 1 / 2),
        ("[CLS] [SEP]", 0.0),
        ("[UNK] ##s", 1.0),
    ],
)
def test_pieces_and_unknown_words_are_unfamiliar(tokens: str, share: float) -> None:
    assert UnfamiliarTokens(VOCABULARY).share([VOCABULARY[token] for token in tokens.split()]) == share


def test_only_a_vocabulary_with_pieces_cuts_words() -> None:
    assert UnfamiliarTokens(VOCABULARY).cuts_words
    assert not UnfamiliarTokens({"[UNK]": 0, "sun": 1, "#": 2}).cuts_words


def share_above(rows: Sequence[Row]) -> float:
    """Return the share of the rows that the bundled tokenizer finds unfamiliar."""
    folder = open_model_folder(BUNDLED_MODEL)
    tokenizer = Tokenizer.from_file(str(folder.path / TOKENIZER_FILE))
    tokenizer.no_padding()
    unfamiliar = UnfamiliarTokens(tokenizer.get_vocab())
    encodings = tokenizer.encode_batch([NORMALIZERS[folder.normalizer](row.text) for row in rows])
    return sum(unfamiliar.share(encoding.ids) > UNFAMILIAR_ABOVE for encoding in encodings) / len(rows)


@pytest.mark.parametrize("sample", [SAMPLE, SAMPLE_DEV])
def test_few_english_tweets_are_unfamiliar(sample: str) -> None:
    assert share_above(list(read_rows(sample, "test"))) < 0.03


def test_most_tweets_in_other_languages_are_unfamiliar() -> None:
    rows = [row for row in read_rows(str(UNUSUAL), "test") if not str(row.kind).endswith(" only")]
    assert len(rows) >= 100
    assert share_above(rows) > 0.85
