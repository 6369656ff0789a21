"""The bases of a fine-tuning."""

from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

from tests.training.moods import distilbert
from training.learn.base import load_base
from training.learn.packaged import _minilm_folder, distilbert_weights
from training.learn.recipe import AUTO, DISTILBERT, MINILM
from training.output.errors import TrainingError

LABELS = ("glad", "low", "cross")


def test_a_bert_rebuilt_as_distilbert_computes_the_same_hidden_states() -> None:
    torch.manual_seed(1)
    config: Any = BertConfig
    model: Any = BertModel
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    bert = model(config(vocab_size=50, **sizes), add_pooling_layer=False).eval()
    rebuilt = distilbert(vocab_size=50, dim=32, hidden_dim=64, n_layers=2, n_heads=4).distilbert
    rebuilt.load_state_dict(distilbert_weights(dict(bert.state_dict()), layers=2), strict=True)
    ids = torch.randint(1, 50, (3, 11))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    with torch.inference_mode():
        expected = bert(input_ids=ids, attention_mask=mask).last_hidden_state
        found = rebuilt(input_ids=ids, attention_mask=mask).last_hidden_state
    assert torch.allclose(expected[mask.bool()], found[mask.bool()], atol=1e-5)


def test_the_offline_base_has_the_weights_of_minilm_and_an_output_for_each_label() -> None:
    base = load_base(MINILM, LABELS)
    weights = load_file(_minilm_folder() / "model.safetensors")
    embeddings: Any = base.model.get_input_embeddings()
    assert torch.equal(embeddings.weight, weights["embeddings.word_embeddings.weight"])
    assert base.model.config.id2label == dict(enumerate(LABELS))
    assert base.tokenizer.encode("hello").tokens == ["[CLS]", "hello", "[SEP]"]


def test_auto_is_the_offline_base_if_the_hub_does_not_answer() -> None:
    assert load_base(AUTO, LABELS).name == MINILM


def test_a_folder_is_a_base(tiny_base: str) -> None:
    base = load_base(tiny_base, LABELS)
    assert base.model.config.num_labels == 3
    assert base.tokenizer.encode("glad").tokens == ["[CLS]", "glad", "[SEP]"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (DISTILBERT, "loading from the hub failed.*--base minilm"),
        ("./nowhere", "no such folder"),
        ("some/where/else", "no such folder"),
    ],
)
def test_the_error_names_a_base_that_cannot_be_loaded_and_what_to_do(name: str, expected: str) -> None:
    with pytest.raises(TrainingError, match=expected):
        load_base(name, LABELS)


@pytest.mark.hub
def test_distilbert_comes_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert load_base(AUTO, LABELS).name == DISTILBERT
