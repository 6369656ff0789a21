"""A tiny data set with three labels that are not the emotions, and a tokenizer with its words."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import DistilBertConfig, DistilBertForSequenceClassification

Row = dict[str, str | int | None]
MakeDataset = Callable[..., str]
MakeBase = Callable[..., str]

WORDS = (
    *("i", "feel", "so", "very", "today", "about", "this", "and", "the"),
    *("glad", "sunny", "great", "down", "tears", "lonely", "furious", "rage", "unfair"),
)
MOODS = {"glad": ("glad", "sunny", "great"), "low": ("down", "tears", "lonely"), "cross": ("furious", "rage", "unfair")}


def rows_of(labels: Sequence[str], *, each: int) -> list[Row]:
    """Make rows that contain words of their label, so that a model can learn the labels."""
    return [
        {"text": f"i feel so {MOODS[label][n % 3]} {WORDS[n % 9]} {MOODS[label][(n + 1) % 3]}", "label": label}
        for n in range(each)
        for label in labels
    ]


def distilbert(**sizes: Any) -> Any:
    """Make a DistilBERT classifier of random weights; each call gives the same weights."""
    config: Any = DistilBertConfig
    model: Any = DistilBertForSequenceClassification
    torch.manual_seed(11)
    return model(config(pad_token_id=0, **sizes)).eval()


def word_pieces() -> Tokenizer:
    """Make a WordPiece tokenizer like BERT's: a few words, all letters, and some tokens that no tweet contains."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    special = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters), *WORDS, "мир", "##ing", "zebra"]
    tokenizer = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 3), ("[SEP]", 4)]
    )
    return tokenizer
