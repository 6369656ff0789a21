"""A tiny base and a tiny data set, made in the test: no hub, no downloaded weights, seconds instead of minutes."""

import json
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from tests.training.explained import MakeModel, model_folder
from tests.training.moods import MOODS, MakeBase, MakeDataset, Row, distilbert, rows_of, word_pieces


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hub seem unreachable: these tests must not wait for a network."""
    monkeypatch.setattr("training.learn.base._hub_answers", lambda: False)


@pytest.fixture(autouse=True)
def restored_environment() -> Iterator[None]:
    """Restore the environment variables that the program sets for its libraries."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Write a folder of .jsonl splits and return its path."""

    def make(**splits: Sequence[Row]) -> str:
        folder = tmp_path / "moods"
        folder.mkdir(exist_ok=True)
        for split, rows in splits.items():
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")
        return str(folder)

    return make


@pytest.fixture
def moods(make_dataset: MakeDataset) -> str:
    """Write a data set with three labels that are not the emotions, in three splits, and return its path."""
    labels = tuple(MOODS)
    return make_dataset(
        train=rows_of(labels, each=40), validation=rows_of(labels, each=5), test=rows_of(labels, each=4)
    )


@pytest.fixture
def make_base(tmp_path: Path) -> MakeBase:
    """Save a DistilBERT of random weights with its tokenizer and return the folder's path."""

    def make(**sizes: int) -> str:
        tokenizer = word_pieces()
        folder = tmp_path / "base"
        distilbert(vocab_size=tokenizer.get_vocab_size(), **sizes).save_pretrained(folder)
        fast: Any = PreTrainedTokenizerFast
        fast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(folder)
        return str(folder)

    return make


@pytest.fixture
def tiny_base(make_base: MakeBase) -> str:
    """Save a base with two layers of 32 units and return the folder's path."""
    return make_base(dim=32, hidden_dim=64, n_layers=2, n_heads=4, max_position_embeddings=64)


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Write a model folder of random weights; arguments replace fields of the configuration."""
    return partial(model_folder, tmp_path / "model")
