"""A tiny model folder of random weights, and the explanation of a text by that model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.model_folders import describe
from tests.training.moods import distilbert, word_pieces
from training.explain.explanation import Explanation, open_explainer

LABELS = ("glad", "low", "cross")
LAYERS, HEADS = 2, 4
MakeModel = Callable[..., Path]


def model_folder(folder: Path, **fields: Any) -> Path:
    """Write a model folder of random weights; `fields` replace fields of the configuration."""
    tokenizer = word_pieces()
    sizes = {"dim": 32, "hidden_dim": 64, "n_layers": LAYERS, "n_heads": HEADS, "max_position_embeddings": 64}
    model = distilbert(vocab_size=tokenizer.get_vocab_size(), num_labels=3, initializer_range=0.3, **sizes)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = json.loads((folder / "config.json").read_text())
    served = {"model_id": "tiny-1", "normalizer": "tweet-v1", "temperature": 2.0, "max_tokens": 16}
    names = {str(number): label for number, label in enumerate(fields.pop("labels", LABELS))}
    golden = {"text": "so glad", "scores": dict.fromkeys(names.values(), 0.0)}
    return describe(folder, {**config, **served, "id2label": names, **fields}, golden=[golden])


def explanation_of(model: Path, text: str) -> Explanation:
    return open_explainer(model).explain(text)
