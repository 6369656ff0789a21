"""Measure how well the share of unfamiliar tokens separates English texts from texts in other languages."""

from collections.abc import Sequence
from typing import Any, Final

from training.export.evaluation_sets import SAME_NAMES, UNUSUAL, EvaluationSet
from tweets.normalizer import NORMALIZERS
from tweets.unfamiliar_tokens import UNFAMILIAR_ABOVE, UnfamiliarTokens
from worker.inference.model_folder import TOKENIZER_FILE, ModelFolder
from worker.inference.tokenizer_file import read_tokenizer

OTHER_LANGUAGES: Final = "other languages"
"""The name of the shipped tweets in languages other than English."""
_ALONE: Final = " only"
"""The end of the kinds of shipped tweets that have no language: emoji alone, hashtags alone."""


def unfamiliar_shares(folder: ModelFolder, sets: Sequence[EvaluationSet]) -> dict[str, Any]:
    """Return for each set the share of its texts with more than UNFAMILIAR_ABOVE unfamiliar tokens, JSON-ready.

    Return nothing if the sets do not contain the shipped tweets in other languages.
    """
    texts = {one.name: _texts_of(one) for one in sets if not one.name.endswith(SAME_NAMES)}
    if UNUSUAL not in texts:
        return {}
    texts[OTHER_LANGUAGES] = texts.pop(UNUSUAL)
    tokenizer = read_tokenizer(folder.path / TOKENIZER_FILE)
    tokenizer.no_padding()
    tokenizer.enable_truncation(folder.max_tokens)
    unfamiliar, normalize = UnfamiliarTokens(tokenizer.get_vocab()), NORMALIZERS[folder.normalizer]

    def share(found: Sequence[str]) -> dict[str, Any]:
        encodings = tokenizer.encode_batch([normalize(text) for text in found])
        above = sum(unfamiliar.share(encoding.ids) > UNFAMILIAR_ABOVE for encoding in encodings)
        return {"rows": len(found), "share_above": round(above / len(found), 6)}

    return {"unfamiliar_tokens": {"above": UNFAMILIAR_ABOVE, "sets": {name: share(one) for name, one in texts.items()}}}


def _texts_of(one: EvaluationSet) -> list[str]:
    """Return the texts of a set; of the unusual tweets only those in other languages."""
    rows = one.rows.both
    if one.name != UNUSUAL:
        return list(rows.texts)
    pairs = zip(rows.numbers, rows.texts, strict=True)
    return [text for number, text in pairs if not one.kinds.get(number, _ALONE).endswith(_ALONE)]
