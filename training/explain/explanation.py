"""The explanation of a text: scores, attributions to the predicted label's logit, attention of each head."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer
from transformers import PreTrainedModel

from training.explain.attribution import Attributions, integrated_gradients
from training.output.errors import TrainingError, reason_of
from training.score.scores import softmax
from tweets.normalizer import NORMALIZERS
from worker.inference.model_folder import TOKENIZER_FILE, ModelFolder, open_model_folder
from worker.inference.tokenizer_file import read_tokenizer
from worker.inference.torch_model import torch_model

WEIGHTS_FILE = "model.safetensors"


@dataclass(frozen=True)
class Explanation:
    """Scores, attributions and attention of one text.

    `read_as` is the normalised text. `words` are slices of the normalised text, each with the sum of its tokens'
    attributions. `attention` is float32 [layers, heads, tokens, tokens]; each row sums to 1. `scores` are computed with
    the temperature, the logits in `attributions` without. `is_cut`: the text has more tokens than the model's limit.
    """

    text: str
    read_as: str
    is_cut: bool
    scores: dict[str, float]
    tokens: tuple[str, ...]
    words: tuple[tuple[str, float], ...]
    attributions: Attributions
    attention: NDArray[np.float32]

    @cached_property
    def prediction(self) -> str:
        """The label with the highest score."""
        return max(self.scores, key=self.scores.__getitem__)

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation JSON-ready, without the attention, which is large."""
        found = self.attributions
        return {
            "text": self.text,
            "read_as": self.read_as,
            "is_cut": self.is_cut,
            "prediction": self.prediction,
            "scores": {label: round(score, 6) for label, score in self.scores.items()},
            "tokens": list(self.tokens),
            "attributions": [round(one, 6) for one in found.of_tokens.tolist()],
            "words": [{"word": word, "attribution": round(one, 6)} for word, one in self.words],
            "logit": round(found.logit, 6),
            "baseline_logit": round(found.baseline_logit, 6),
            "completeness_gap": round(found.completeness_gap, 6),
        }


class Explainer:
    """Explain texts with the full-precision weights of a model folder, loaded so that the model returns attention."""

    def __init__(self, folder: ModelFolder, model: PreTrainedModel, tokenizer: Tokenizer) -> None:
        self.folder = folder
        self._model = model.requires_grad_(False)
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(folder.max_tokens)

    def explain(self, text: str) -> Explanation:
        """Return the explanation of the label that the worker would give the text.

        Raises TrainingError if the tokenizer returns no tokens for the text.
        """
        read_as = NORMALIZERS[self.folder.normalizer](text)
        encoding = self._tokenizer.encode(read_as)
        if all(encoding.special_tokens_mask):
            raise TrainingError(f"{text!r}: no tokens in this text; leave out this text")
        ids = torch.tensor(encoding.ids)
        logits, attention = self._forward(ids)
        attributions = integrated_gradients(self._model, ids, self._baseline(encoding), label=int(logits.argmax()))
        scores = softmax(logits, temperature=self.folder.temperature).tolist()
        return Explanation(
            text=text,
            read_as=read_as,
            is_cut=bool(encoding.overflowing),
            scores=dict(zip(self.folder.labels, scores, strict=True)),
            tokens=tuple(encoding.tokens),
            words=words(read_as, encoding, attributions.of_tokens.tolist()),
            attributions=attributions,
            attention=attention,
        )

    @torch.inference_mode()
    def _forward(self, ids: torch.Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits [labels] and attention [layers, heads, tokens, tokens]."""
        output = self._model(input_ids=ids[None], attention_mask=torch.ones_like(ids)[None], output_attentions=True)
        return output.logits[0].numpy(), torch.cat(output.attentions).numpy()

    def _baseline(self, encoding: Encoding) -> torch.Tensor:
        """Return the token ids of the baseline: [CLS] and [SEP] stay, all other tokens are padding."""
        pad_id = self._model.config.pad_token_id or 0
        pairs = zip(encoding.ids, encoding.special_tokens_mask, strict=True)
        return torch.tensor([one if is_special else pad_id for one, is_special in pairs])


def words(text: str, encoding: Encoding, of_tokens: Sequence[float]) -> tuple[tuple[str, float], ...]:
    """Return the words of a text, each with the sum of its pieces' attributions `of_tokens` [tokens]."""
    rows = zip(encoding.word_ids, encoding.offsets, of_tokens, strict=True)
    merged = []
    for word_id, pieces in groupby(rows, key=lambda row: row[0]):
        if word_id is not None:  # [CLS] and [SEP] belong to no word
            _, offsets, values = zip(*pieces, strict=True)
            merged.append((text[offsets[0][0] : offsets[-1][1]].strip(), sum(values)))
    return tuple(merged)


def signed(value: float, digits: int = 2) -> str:
    """Return a number with its sign; a number that rounds to zero has no sign."""
    text = f"{value:+.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text[1:]


def open_explainer(path: Path) -> Explainer:
    """Check a model folder and load its weights.

    Raises FatalError if the worker would refuse the folder, TrainingError if the folder has no weights for PyTorch.
    """
    folder = open_model_folder(path)
    if not (path / WEIGHTS_FILE).is_file():
        raise TrainingError(
            f"model {path} has no {WEIGHTS_FILE}, and the int8 graph has no gradients; "
            "give a folder with weights, as written by python -m training export"
        )
    try:
        # The fast implementations of attention do not return the attention.
        model = torch_model(path, dtype=torch.float32, attention="eager")
        return Explainer(folder, model, read_tokenizer(path / TOKENIZER_FILE))
    except Exception as error:  # the libraries do not document what they raise on broken files
        raise TrainingError(f"model {path} cannot be loaded ({reason_of(error)}); export the model again") from error
