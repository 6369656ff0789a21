"""The self-test of the torch engine: packed rows are used only if they give the logits of transformers in fp32."""

import logging
from pathlib import Path
from typing import Any, Final

import torch

from worker.inference.model_config import read_json
from worker.inference.model_folder import CONFIG_FILE, GOLDEN_FILE, TOKENIZER_FILE
from worker.inference.packed_distilbert import Attention, PackedDistilBert, attention_of_runs, varlen_attention
from worker.inference.token_batch import TokenBatch
from worker.inference.tokenizer_file import read_tokenizer
from worker.inference.torch_forward import Forward, PaddedForward

log = logging.getLogger(__name__)

#: Difference of a logit, as a share of the largest logit. bfloat16 rounds to 1 in 256, in each of some dozen operations
#: after each other: 0.6 % for the bundled model, on 700 texts. float32 rounds to 1 in 17 million.
ALLOWED: Final = {torch.bfloat16: 0.05, torch.float32: 0.0001}


@torch.inference_mode()
def packed_or_padded(model: Any, dtype: torch.dtype, path: Path) -> Forward:
    """Convert a model of fp32 weights to `dtype`, and return the faster forward pass that computes the right scores.

    `path` is the model folder. The logits of its golden texts are compared with those that transformers computes in
    fp32, padded, on the same device: scores would hide an error, because the golden texts have scores close to 0 and 1.
    Raises OutOfMemoryError if the GPU's memory does not hold the model and these texts.
    """
    tokens = _tokens(path, [entry["text"] for entry in read_json(path / GOLDEN_FILE)["texts"]])
    expected = _logits(PaddedForward(model), tokens)
    model = model.to(dtype)
    try:
        packed = PackedDistilBert(model, _attention(model.device))
        worst = float((_logits(packed, tokens) - expected).abs().max() / expected.abs().max())
        why = f"logits differ by at most {worst:.3%} of the largest from those in fp32, {ALLOWED[dtype]:.2%} allowed"
        chosen: Forward = packed if worst <= ALLOWED[dtype] else PaddedForward(model)
    except torch.OutOfMemoryError:  # which padded rows would need more of
        raise
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


def _logits(forward: Forward, tokens: TokenBatch) -> torch.Tensor:
    return forward(tokens.ids, tokens.lengths).float()
