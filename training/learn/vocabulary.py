"""A vocabulary without the pieces that the tweets of one language never use.

Half the weights of a small model are its embedding table. Rows of unused placeholders, other scripts and the rarest
words can go: a word whose row is gone is spelt with smaller pieces, and every text that the model is trained on keeps
exactly its pieces.
"""

import json
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from training.output.errors import TrainingError


def kept_pieces(tokenizer: Tokenizer, texts: Iterable[str], *, rows: int) -> list[int]:
    """Return the ids to keep, ascending: special tokens, every piece of the texts, then the lowest ASCII ids.

    WordPiece vocabularies are ordered by frequency, so low ids are common pieces; single letters come first of all,
    therefore any ASCII word can still be spelt.
    """
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    keep = set(tokenizer.get_added_tokens_decoder())
    for encoding in tokenizer.encode_batch(list(texts)):
        keep.update(encoding.ids)
    if len(keep) > rows:
        raise TrainingError(
            f"--vocabulary-rows {rows} is less than the {len(keep)} pieces of the training texts; give at least that"
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
    """Return the tokenizer with only the kept pieces, renumbered from 0 in their order."""
    number_of = {old: new for new, old in enumerate(keep)}
    parts: dict[str, Any] = json.loads(tokenizer.to_str())
    if parts["model"]["type"] != "WordPiece":
        raise TrainingError(
            f"a {parts['model']['type']} vocabulary cannot be pruned; give --vocabulary-rows 0 to keep all of it"
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
        if isinstance(processor.get(end), list):  # the older BertProcessing: ["[SEP]", 102]
            processor[end][1] = number_of[processor[end][1]]


def shrink_embeddings(model: PreTrainedModel, keep: list[int], *, pad_id: int) -> None:
    """Leave only the kept rows in the model's input embeddings."""
    old: Any = model.get_input_embeddings()
    new = torch.nn.Embedding(len(keep), old.embedding_dim, padding_idx=pad_id)
    with torch.no_grad():
        new.weight.copy_(old.weight[torch.tensor(keep)])
    model.set_input_embeddings(new)
    model.config.vocab_size = len(keep)
    model.config.pad_token_id = pad_id
