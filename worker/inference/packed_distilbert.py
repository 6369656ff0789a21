"""DistilBERT's forward pass without padding: the tokens of all texts are rows of one matrix.

The logits are those of `DistilBertForSequenceClassification` in transformers, with less work: no padding is computed,
query, key and value are one product, and the last layer computes only the first token of each text, which is the only
one that the classifier reads. The other tokens of the last layer are keys and values only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from worker.inference.torch_forward import on_device


@dataclass(frozen=True, slots=True)
class Texts:
    """Where the texts of a pass are among its rows, on the device of the model.

    `starts`, int32 [texts + 1], is the first row of each text, and the number of rows at last; `places`, [rows], is the
    position of each row in its text; `runs` are texts of one length that are side by side: the length, and how many.
    """

    starts: torch.Tensor
    places: torch.Tensor
    longest: int
    runs: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, lengths: NDArray[np.int32], device: torch.device) -> "Texts":
        """Return the texts of these lengths, one after another."""
        rows = int(lengths.sum())
        starts = on_device(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32), device)
        # Without output_size, repeat_interleave waits for the GPU.
        repeated = torch.repeat_interleave(starts[:-1], starts.diff(), output_size=rows)
        places = torch.arange(rows, dtype=torch.int32, device=device) - repeated
        ends = np.flatnonzero(np.append(np.diff(lengths), 1)) + 1
        runs = list(zip(lengths[ends - 1].tolist(), np.diff(ends, prepend=0).tolist(), strict=True))
        return cls(starts, places, int(lengths.max()), runs)


Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Texts], torch.Tensor]
"""Query, key and value, [rows, heads, size], to the attention of the query's shape: each text attends to itself only.

The query has all rows, or only the first row of each text.
"""


def attention_of_runs(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, texts: Texts) -> torch.Tensor:
    """Compute the attention on any device: one product for texts of one length that are side by side."""
    queries = [count if _is_first_row(query, key) else count * length for length, count in texts.runs]
    keys = [count * length for length, count in texts.runs]
    rows = (torch.split(query, queries), torch.split(key, keys), torch.split(value, keys))
    parts = zip(*rows, texts.runs, strict=True)
    return torch.cat([_attention_of_one_length(count, *rows) for *rows, (_, count) in parts])


def varlen_attention() -> Attention:
    """Return the attention of torch for packed rows on CUDA. Raises ImportError for a version of torch without it."""
    from torch.nn.attention.varlen import varlen_attn

    def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, texts: Texts) -> torch.Tensor:
        starts, longest = texts.starts, texts.longest
        if _is_first_row(query, key):
            starts, longest = torch.arange(len(starts), dtype=torch.int32, device=query.device), 1
        # By position: the names of the arguments differ between versions of torch.
        result: Any = varlen_attn(query, key, value, starts, texts.starts, longest, texts.longest)
        attended: torch.Tensor = result
        return attended

    return attention


def _is_first_row(query: torch.Tensor, key: torch.Tensor) -> bool:
    """Return whether the query has only the first row of each text; where each text has one row, both are the same."""
    return len(query) < len(key)


def _attention_of_one_length(texts: int, *rows: torch.Tensor) -> torch.Tensor:
    """Compute the attention for query, key and value of texts of one length."""
    query, key, value = (part.view(texts, -1, *part.shape[1:]).transpose(1, 2) for part in rows)
    return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(0, 1)


class PackedDistilBert:
    """The forward pass of a `DistilBertForSequenceClassification` on packed rows."""

    rows = "packed"

    def __init__(self, model: Any, attention: Attention) -> None:
        """Use the weights of a model. Raises ValueError for a model of another type."""
        if model.config.model_type != "distilbert" or not model.config.n_layers:
            raise ValueError(f"the model type is {model.config.model_type}")
        self._attention = attention
        self._heads: int = model.config.n_heads
        self._embeddings = model.distilbert.embeddings
        self._layers = [_Layer.of(layer) for layer in model.distilbert.transformer.layer]
        self._pre_classifier, self._classifier = model.pre_classifier, model.classifier
        self._device: torch.device = model.device

    def texts(self, lengths: NDArray[np.int32], max_tokens: int) -> int:
        """Return how many of the texts fit into one pass, at least one."""
        return max(1, int(np.searchsorted(np.cumsum(lengths), max_tokens, side="right")))

    def tokens(self, lengths: NDArray[np.int32]) -> int:
        """Return the tokens of all texts: there is no padding."""
        return int(lengths.sum())

    def __call__(self, ids: NDArray[np.int32], lengths: NDArray[np.int32]) -> torch.Tensor:
        """Return the logits [texts, outputs] on the device. Raises IndexError for a text that is too long."""
        positions = self._embeddings.position_embeddings.num_embeddings
        if lengths.max() > positions:  # on a GPU, such a text would break every later call too
            raise IndexError(f"a text of {lengths.max()} tokens, and the model has {positions} positions")
        texts = Texts.of(lengths, self._device)
        rows = self._embedded(on_device(ids, self._device), texts)
        for layer in self._layers[:-1]:
            query, key, value = self._by_head(layer.queries_keys_values(rows), 3)
            rows = layer.output(rows, self._attention(query, key, value, texts))
        last = self._layers[-1]
        first = rows.index_select(0, texts.starts[:-1])
        key, value = self._by_head(last.keys_values(rows), 2)
        (query,) = self._by_head(last.queries(first), 1)
        first = last.output(first, self._attention(query, key, value, texts))
        logits: torch.Tensor = self._classifier(functional.relu(self._pre_classifier(first)))
        return logits

    def _embedded(self, ids: torch.Tensor, texts: Texts) -> torch.Tensor:
        words = self._embeddings.word_embeddings(ids)
        rows: torch.Tensor = self._embeddings.LayerNorm(words + self._embeddings.position_embeddings(texts.places))
        return rows

    def _by_head(self, rows: torch.Tensor, parts: int) -> tuple[torch.Tensor, ...]:
        """Return the parts of the columns, each [rows, heads, size]."""
        return rows.view(len(rows), parts, self._heads, -1).unbind(1)


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer of the model; `weight` and `bias` are those of query, key and value, one after another."""

    weight: torch.Tensor
    bias: torch.Tensor
    block: Any

    @classmethod
    def of(cls, block: Any) -> "_Layer":
        attention = block.attention
        parts = (attention.q_lin, attention.k_lin, attention.v_lin)
        weight, bias = (torch.cat([getattr(part, name).detach() for part in parts]) for name in ("weight", "bias"))
        return cls(weight, bias, block)

    def queries_keys_values(self, rows: torch.Tensor) -> torch.Tensor:
        return functional.linear(rows, self.weight, self.bias)

    def queries(self, rows: torch.Tensor) -> torch.Tensor:
        size = rows.shape[1]
        return functional.linear(rows, self.weight[:size], self.bias[:size])

    def keys_values(self, rows: torch.Tensor) -> torch.Tensor:
        size = rows.shape[1]
        return functional.linear(rows, self.weight[size:], self.bias[size:])

    def output(self, rows: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
        """Return the output of the layer for its input rows and their attention, [rows, heads, size]."""
        block, ffn = self.block, self.block.ffn
        rows = block.sa_layer_norm(block.attention.out_lin(attention.flatten(1)) + rows)
        output: torch.Tensor = block.output_layer_norm(ffn.lin2(ffn.activation(ffn.lin1(rows))) + rows)
        return output
