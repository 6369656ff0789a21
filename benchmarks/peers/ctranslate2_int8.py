"""CTranslate2 with int8 weights, out of the box. It runs the encoder of a DistilBERT; the head is three lines here."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import torch
from ctranslate2.converters import TransformersConverter
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from benchmarks.peers.batches import MAX_TOKENS, in_batches, in_passes
from benchmarks.peers.protocol import Contender, Loading, serve


def load(loading: Loading) -> Mapping[str, Contender]:
    """Return the converted model. Raises ValueError or another error if CTranslate2 does not know the architecture."""
    tokenizer: Any = AutoTokenizer.from_pretrained(loading.model)
    encoder = _encoder(loading.model, tokenizer)
    whole = AutoModelForSequenceClassification.from_pretrained(loading.model, dtype=torch.float32).eval()

    @torch.inference_mode()
    def label_rows(ids: list[list[int]]) -> None:
        states = np.array(encoder.forward_batch(ids).last_hidden_state)
        whole.classifier(torch.relu(whole.pre_classifier(torch.from_numpy(states[:, 0])))).argmax(-1)

    def label(texts: Sequence[str]) -> None:
        for batch in in_batches(texts):
            label_rows(tokenizer(batch, truncation=True, max_length=MAX_TOKENS).input_ids)

    def label_sorted(texts: Sequence[str]) -> None:
        for rows in in_passes(texts, tokenizer):
            label_rows(rows)

    return {"ctranslate2 int8": label, "ctranslate2 int8 sorted": label_sorted}


def _encoder(path: str, tokenizer: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        plain, converted = Path(folder) / "plain", Path(folder) / "converted"
        AutoModel.from_pretrained(path, dtype=torch.float32).save_pretrained(plain)
        tokenizer.save_pretrained(plain)
        TransformersConverter(str(plain)).convert(str(converted), quantization="int8")
        threads = torch.get_num_threads()
        return ctranslate2.Encoder(str(converted), device="cpu", compute_type="int8", intra_threads=threads)


if __name__ == "__main__":
    serve(load, ["ctranslate2", "transformers", "torch"])
