"""The self-test of the torch engine: packed rows are used only if they give the scores of transformers in fp32."""

import logging
from pathlib import Path
from typing import Any

import torch

from worker.inference.model_config import read_json
from worker.inference.model_folder import CONFIG_FILE, GOLDEN_FILE, TOKENIZER_FILE
from worker.inference.packed_distilbert import Attention, PackedDistilBert, attention_of_runs, varlen_attention
from worker.inference.token_batch import TokenBatch
from worker.inference.tokenizer_file import read_tokenizer
from worker.inference.torch_forward import Forward, PaddedForward

log = logging.getLogger(__name__)


@torch.inference_mode()
def packed_or_padded(model: Any, dtype: torch.dtype, path: Path) -> Forward:
    """Convert a model of fp32 weights to `dtype`, and return the faster forward pass that computes the right scores.

    `path` is the model folder. The scores of its golden texts may differ by the tolerance of the folder, from those
    that transformers computes in fp32, padded, on the same device.
    """
    golden = read_json(path / GOLDEN_FILE)
    tokens = _tokens(path, [entry["text"] for entry in golden["texts"]])
    expected = _scores(PaddedForward(model), tokens)
    model = model.to(dtype)
    try:
        packed = PackedDistilBert(model, _attention(model.device))
        worst = float((_scores(packed, tokens) - expected).abs().max())
        why = f"scores differ by at most {worst:.4f} from those in fp32, {golden['tolerance']:g} allowed"
        chosen: Forward = packed if worst <= golden["tolerance"] else PaddedForward(model)
    except Exception as error:  # what torch raises for a GPU or a size that its attention does not support
        why = " ".join(f"packed rows do not work: {error or type(error).__name__}".split())
        chosen = PaddedForward(model)
    log.info("the model runs on %s rows: %s", chosen.rows, why)
    return chosen


def _attention(device: torch.device) -> Attention:
    return varlen_attention() if device.type == "cuda" else attention_of_runs


def _tokens(path: Path, texts: list[str]) -> TokenBatch:
    """Return the token ids of the texts as they are, not normalised, longest first."""
    tokenizer = read_tokenizer(path / TOKENIZER_FILE)
    tokenizer.no_padding()
    tokenizer.enable_truncation(read_json(path / CONFIG_FILE)["max_tokens"])
    rows = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]
    return TokenBatch.of(sorted(rows, key=len, reverse=True))


def _scores(forward: Forward, tokens: TokenBatch) -> torch.Tensor:
    """Return the softmax over all outputs, [texts, outputs]."""
    return forward(tokens.ids, tokens.lengths).float().softmax(dim=1)
