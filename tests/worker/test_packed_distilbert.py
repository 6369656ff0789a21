"""Packed rows give the logits of transformers' own forward pass, whatever texts are in the batch and in which order."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.training.moods import distilbert
from worker.inference.packed_distilbert import PackedDistilBert, Texts, attention_of_runs, varlen_attention
from worker.inference.token_batch import TokenBatch
from worker.inference.torch_forward import PaddedForward

POSITIONS, VOCABULARY = 24, 90
SIZES = {"vocab_size": VOCABULARY, "max_position_embeddings": POSITIONS, "num_labels": 5, "initializer_range": 0.3}


def model(**sizes: Any) -> Any:
    return distilbert(**{**SIZES, "dim": 32, "hidden_dim": 64, "n_layers": 3, "n_heads": 4, **sizes})


MODEL = model()


def rows_of(lengths: list[int]) -> list[list[int]]:
    """Return texts of random tokens, token 0 (of the padding) among them."""
    dice = random.Random(len(lengths))
    return [[dice.randrange(VOCABULARY) for _ in range(length)] for length in lengths]


def packed(rows: list[list[int]], of: Any = MODEL) -> NDArray[np.float32]:
    tokens = TokenBatch.of(rows)
    with torch.inference_mode():
        return PackedDistilBert(of, attention_of_runs)(tokens.ids, tokens.lengths).float().numpy()


def alone(rows: list[list[int]], of: Any = MODEL) -> NDArray[np.float32]:
    """Return the logits of transformers' own forward, each text alone."""
    with torch.inference_mode():
        return np.concatenate([of(input_ids=torch.tensor([row])).logits.float().numpy() for row in rows])


LENGTHS = {
    "one text": [7],
    "one token": [1],
    "one token each": [1, 1, 1],
    "one token among others": [9, 1, 4, 1],
    "the longest text": [POSITIONS],
    "the longest among the shortest": [1, POSITIONS, 1, POSITIONS],
    "equal lengths": [6] * 8,
    "longest first": [12, 9, 9, 5, 3, 3, 3, 1],
    "shortest first": [1, 2, 2, 3, 9, 9, 24],
    "as they come": [3, 17, 3, 9, 1, 24, 2, 9, 9, 3],
}


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_the_logits_are_those_of_each_text_alone(lengths: list[int]) -> None:
    rows = rows_of(lengths)
    assert packed(rows) == pytest.approx(alone(rows), abs=5e-5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, POSITIONS), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_the_logits_of_a_text_do_not_depend_on_its_neighbours_or_its_place(
    lengths: list[int], dice: random.Random
) -> None:
    rows = rows_of(lengths)
    order = dice.sample(range(len(rows)), len(rows))
    moved = packed([rows[index] for index in order])
    assert moved == pytest.approx(packed(rows)[order], abs=5e-5)
    assert packed(rows[:1]) == pytest.approx(packed(rows)[:1], abs=5e-5)


@pytest.mark.parametrize(
    "sizes",
    [
        {"n_layers": 1},
        {"n_heads": 1},
        {"n_layers": 6, "dim": 48, "hidden_dim": 100, "n_heads": 12},
        {"activation": "relu"},
        {"sinusoidal_pos_embds": True},
        {"num_labels": 1},
    ],
    ids=str,
)
def test_every_distilbert_has_the_logits_of_its_own_forward(sizes: dict[str, Any]) -> None:
    other, rows = model(**sizes), rows_of([5, 9, 9, 1, 24])
    assert packed(rows, other) == pytest.approx(alone(rows, other), abs=5e-5)


def test_bfloat16_has_the_logits_of_full_precision_but_for_its_rounding() -> None:
    half, rows = model().to(torch.bfloat16), rows_of([5, 9, 9, 1, 24, 13, 2])
    exact = alone(rows)
    of_padded, of_packed = (np.abs(logits - exact).max() for logits in (alone(rows, half), packed(rows, half)))
    assert of_packed <= max(2 * of_padded, 0.02 * np.abs(exact).max())
    assert packed(rows, half) != pytest.approx(exact, abs=5e-5)


def test_the_last_layer_computes_only_the_first_token_of_each_text() -> None:
    other, rows = model(), rows_of([5, 9, 1])
    counts: list[int] = []
    for block in other.distilbert.transformer.layer:
        block.ffn.lin1.register_forward_pre_hook(lambda _, inputs: counts.append(len(inputs[0])))
    packed(rows, other)
    assert counts == [15, 15, 3]


def test_a_text_that_is_too_long_is_refused_before_the_pass() -> None:
    with pytest.raises(IndexError, match="a text of 25 tokens, and the model has 24 positions"):
        packed(rows_of([3, POSITIONS + 1]))


def test_passes_are_filled_with_the_tokens_of_the_texts_alone() -> None:
    forward = PackedDistilBert(MODEL, attention_of_runs)
    lengths = np.array([20, 8, 8, 4, 2], dtype=np.int32)
    assert [forward.texts(lengths, most) for most in (1, 20, 27, 28, 36, 41, 42, 1000)] == [1, 1, 1, 2, 3, 4, 5, 5]
    assert forward.tokens(lengths) == 42
    padded = PaddedForward(MODEL)
    assert [padded.texts(lengths, most) for most in (1, 20, 39, 40, 1000)] == [1, 1, 1, 2, 50]
    assert padded.tokens(lengths) == 100


def test_a_model_of_another_type_is_refused() -> None:
    other = model()
    other.config.model_type = "bert"
    with pytest.raises(ValueError, match="the model type is bert"):
        PackedDistilBert(other, attention_of_runs)


def test_a_model_without_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="model type"):
        PackedDistilBert(model(n_layers=0), attention_of_runs)


def test_the_places_of_the_tokens_start_at_zero_in_each_text() -> None:
    texts = Texts.of(np.array([3, 1, 1, 4], dtype=np.int32), torch.device("cpu"))
    assert texts.starts.tolist() == [0, 3, 4, 5, 9]
    assert texts.places.tolist() == [0, 1, 2, 0, 0, 0, 1, 2, 3]
    assert list(texts.runs) == [(3, 1), (1, 2), (4, 1)]
    assert texts.longest == 4


def test_the_attention_of_torch_is_called_by_position_with_the_first_row_of_each_text_in_the_last_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[Any, ...]] = []

    def varlen(query: Any, key: Any, value: Any, *places: Any) -> Any:
        calls.append(places)
        starts_q, starts_k, _, _ = places
        texts = Texts.of(np.diff(starts_k.numpy()), query.device)
        assert int(starts_q[-1]) == len(query)
        return attention_of_runs(query, key, value, texts)

    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", varlen)
    rows = rows_of([5, 9, 9, 1])
    tokens = TokenBatch.of(rows)
    with torch.inference_mode():
        logits = PackedDistilBert(MODEL, varlen_attention())(tokens.ids, tokens.lengths)
    assert logits.numpy() == pytest.approx(alone(rows), abs=5e-5)
    given = [(starts_q.tolist(), starts_k.tolist(), *longest) for starts_q, starts_k, *longest in calls]
    whole = ([0, 5, 14, 23, 24], [0, 5, 14, 23, 24], 9, 9)
    assert given == [whole, whole, ([0, 1, 2, 3, 4], [0, 5, 14, 23, 24], 1, 9)]


def test_the_attention_of_the_installed_torch_takes_these_arguments() -> None:
    starts = torch.empty(4, dtype=torch.int32, device="meta")
    texts = Texts(starts, torch.empty(9, device="meta"), longest=5, runs=[])
    rows = torch.empty(9, 4, 8, dtype=torch.bfloat16, device="meta")
    attention = varlen_attention()
    assert attention(rows, rows, rows, texts).shape == rows.shape
    assert attention(rows[:3], rows, rows, texts).shape == (3, 4, 8)


def test_the_pass_of_a_gpu_keeps_all_arrays_on_the_device_of_the_model() -> None:
    """On the device `meta`, torch computes shapes alone, and refuses an operation on arrays of two devices."""
    elsewhere = model().to(torch.bfloat16).to("meta")
    tokens = TokenBatch.of(rows_of([5, 9, 9, 1]))
    with torch.inference_mode():
        logits = PackedDistilBert(elsewhere, varlen_attention())(tokens.ids, tokens.lengths)
    assert (logits.device.type, logits.dtype, logits.shape) == ("meta", torch.bfloat16, (4, 5))


@pytest.mark.gpu
@pytest.mark.parametrize("size", [32, 64])
def test_packed_rows_on_a_gpu_have_the_logits_of_full_precision_but_for_the_rounding_of_bfloat16(size: int) -> None:
    sizes = {"dim": 4 * size, "hidden_dim": 16 * size, "initializer_range": 0.05}
    rows = rows_of([5, 9, 9, 1, 24, 13, 2] * 50)
    tokens = TokenBatch.of(rows)
    exact = alone(rows, model(**sizes))
    half = model(**sizes).to(torch.bfloat16).cuda()
    with torch.inference_mode():
        logits = PackedDistilBert(half, varlen_attention())(tokens.ids, tokens.lengths).float().cpu().numpy()
    assert np.abs(logits - exact).max() <= 0.05 * np.abs(exact).max()


@pytest.mark.gpu
def test_the_passes_of_a_batch_wait_for_the_gpu_only_once() -> None:
    forward = PackedDistilBert(model().to(torch.bfloat16).cuda(), varlen_attention())
    tokens = TokenBatch.of(rows_of([5, 9, 9, 1, 24, 13, 2] * 50))
    with torch.inference_mode():
        forward(tokens.ids, tokens.lengths)  # the first call may wait for memory
        torch.cuda.set_sync_debug_mode("error")
        try:
            forward(tokens.ids, tokens.lengths)
        finally:
            torch.cuda.set_sync_debug_mode("default")
