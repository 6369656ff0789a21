"""Token ids, batches of similar lengths, and the pruned vocabulary."""

import random
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.moods import distilbert, word_pieces
from training.learn.tokens import encode, length_bucketed, padded
from training.learn.vocabulary import kept_ids, pruned_tokenizer, shrink_embeddings
from training.output.errors import TrainingError

TEXTS = ["i feel glad", "so lonely today"]


def test_texts_are_normalised_and_truncated_before_the_last_special_token() -> None:
    ids = encode(word_pieces(), ["GLAD glad glad glad", "i"], normalize=str.lower, max_tokens=4)
    glad = word_pieces().token_to_id("glad")
    assert ids == [[3, glad, glad, 4], [3, word_pieces().token_to_id("i"), 4]]


def test_padding_is_on_the_right_and_masked() -> None:
    input_ids, mask = padded([[3, 9, 4], [3, 4]])
    assert input_ids.tolist() == [[3, 9, 4], [3, 4, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0]]


@given(st.lists(st.integers(2, 90), max_size=300), st.integers(1, 40), st.integers(0, 99))
def test_every_row_is_in_exactly_one_batch(lengths: list[int], batch_size: int, seed: int) -> None:
    batches = length_bucketed(lengths, batch_size, random.Random(seed))
    assert Counter(row for batch in batches for row in batch) == Counter(range(len(lengths)))
    assert all(len(batch) <= batch_size for batch in batches)


def test_batches_hold_rows_of_similar_lengths() -> None:
    lengths = [random.Random(1).randrange(3, 90) for _ in range(1_600)]
    batches = length_bucketed(lengths, 32, random.Random(2))
    assert max(max(lengths[row] for row in batch) - min(lengths[row] for row in batch) for batch in batches) < 10


def test_batches_depend_on_the_seed_alone() -> None:
    lengths = list(range(100))
    assert length_bucketed(lengths, 8, random.Random(3)) == length_bucketed(lengths, 8, random.Random(3))
    assert length_bucketed(lengths, 8, random.Random(3)) != length_bucketed(lengths, 8, random.Random(4))


def test_a_pruned_tokenizer_splits_the_training_texts_into_the_same_tokens() -> None:
    whole = word_pieces()
    pruned = pruned_tokenizer(whole, kept_ids(whole, TEXTS, rows=70))
    assert pruned.get_vocab_size() == 70
    for text in TEXTS:
        assert pruned.encode(text).tokens == whole.encode(text).tokens


def test_a_word_without_its_own_row_is_split_into_letters() -> None:
    whole = word_pieces()
    pruned = pruned_tokenizer(whole, kept_ids(whole, TEXTS, rows=70))
    assert pruned.encode("zebra").tokens == ["[CLS]", "z", "##e", "##b", "##r", "##a", "[SEP]"]


def test_placeholders_and_other_scripts_are_never_kept() -> None:
    whole = word_pieces()
    pruned = pruned_tokenizer(whole, kept_ids(whole, TEXTS, rows=1_000))
    assert pruned.token_to_id("[unused0]") is None
    assert pruned.token_to_id("мир") is None


def test_fewer_rows_than_the_training_texts_need_are_refused() -> None:
    with pytest.raises(TrainingError, match="--vocabulary-rows 6 is less than"):
        kept_ids(word_pieces(), TEXTS, rows=6)


def test_a_shrunk_model_computes_the_same_logits_from_the_same_tokens() -> None:
    whole = word_pieces()
    model = distilbert(vocab_size=whole.get_vocab_size(), dim=32, hidden_dim=64, n_layers=1, n_heads=4)
    keep = kept_ids(whole, TEXTS, rows=70)
    with torch.inference_mode():
        before = model(input_ids=torch.tensor([whole.encode(TEXTS[0]).ids])).logits
        shrink_embeddings(model, keep, pad_id=0)
        after = model(input_ids=torch.tensor([pruned_tokenizer(whole, keep).encode(TEXTS[0]).ids])).logits
    assert model.config.vocab_size == 70
    assert torch.equal(before, after)
