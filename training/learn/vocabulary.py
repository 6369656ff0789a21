"""Prune a vocabulary: remove the tokens that tweets of one language hardly use.

Half of the weights of a small model are in its embedding table. Rows of placeholders, other scripts and the rarest
words are removed. A word without its own row is split into smaller tokens; the tokens of the training texts all stay.
"""

import json
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from training.output.errors import TrainingError


def kept_ids(tokenizer: Tokenizer, texts: Iterable[str], *, rows: int) -> list[int]:
    """Return the ids to keep, ascending: special tokens, the tokens of the texts, then the lowest ids of ASCII tokens.

    WordPiece vocabularies are ordered by frequency, so low ids are frequent tokens. Single characters come first, so
    that any ASCII word can still be encoded. Raises TrainingError if the texts have more tokens than `rows`.
    """
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    keep = set(tokenizer.get_added_tokens_decoder())
    for encoding in tokenizer.encode_batch(list(texts)):
        keep.update(encoding.ids)
    if len(keep) > rows:
        raise TrainingError(
            f"--vocabulary-rows {rows} is less than the {len(keep)} tokens of the training texts; "
            f"give at least {len(keep)}"
        )
    for piece, number in sorted(vocabulary.items(), key=lambda item: (not _is_character(item[0]), item[1])):
        if len(keep) >= rows:
            break
        if piece.isascii() and not _is_placeholder(piece):
            keep.add(number)
    return sorted(keep)


def _is_character(piece: str) -> bool:
    return len(piece.removeprefix("##")) == 1


def _is_placeholder(piece: str) -> bool:
    return piece.startswith("[unused")


def pruned_tokenizer(tokenizer: Tokenizer, keep: list[int]) -> Tokenizer:
    """Return the tokenizer with only the kept ids, renumbered from 0. Raises TrainingError unless it is WordPiece."""
    number_of = {old: new for new, old in enumerate(keep)}
    parts: dict[str, Any] = json.loads(tokenizer.to_str())
    if parts["model"]["type"] != "WordPiece":
        raise TrainingError(
            f"a {parts['model']['type']} vocabulary cannot be pruned; give --vocabulary-rows 0 to keep all rows"
        )
    vocabulary: dict[str, int] = parts["model"]["vocab"]
    parts["model"]["vocab"] = {
        piece: number_of[old] for piece, old in sorted(vocabulary.items(), key=lambda item: item[1]) if old in number_of
    }
    for added in parts["added_tokens"]:
        added["id"] = number_of[added["id"]]
    _renumber_template(parts["post_processor"], number_of)
    return Tokenizer.from_str(json.dumps(parts))


def _renumber_template(processor: dict[str, Any], number_of: dict[int, int]) -> None:
    for special in processor.get("special_tokens", {}).values():
        special["ids"] = [number_of[old] for old in special["ids"]]
    for end in ("sep", "cls"):
        if isinstance(processor.get(end), list):  # BertProcessing of older tokenizers: ["[SEP]", 102]
            processor[end][1] = number_of[processor[end][1]]


def shrink_embeddings(model: PreTrainedModel, keep: list[int], *, pad_id: int) -> None:
    """Keep only the rows `keep` of the model's input embeddings, and set the size and `pad_id` in its configuration."""
    old: Any = model.get_input_embeddings()
    new = torch.nn.Embedding(len(keep), old.embedding_dim, padding_idx=pad_id)
    with torch.no_grad():
        new.weight.copy_(old.weight[torch.tensor(keep)])
    model.set_input_embeddings(new)
    model.config.vocab_size = len(keep)
    model.config.pad_token_id = pad_id
