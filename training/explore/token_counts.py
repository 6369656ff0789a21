"""The number of tokens of each text with a model folder's tokenizer, before a text is cut."""

import numpy as np
from tokenizers import Tokenizer

from training.data.splits import Split
from training.explore.split_facts import Lengths
from training.output.errors import TrainingError, reason_of
from training.output.progress import progress
from tweets.normalizer import NORMALIZERS
from worker.inference.model_folder import TOKENIZER_FILE, ModelFolder
from worker.inference.tokenizer_file import read_tokenizer

#: Texts that are tokenised in one call: large enough for all cores, small enough for steady progress.
_BATCH_TEXTS = 4096


def token_counts_of(folder: ModelFolder, split: Split) -> Lengths:
    """Return the number of tokens of each text, with [CLS] and [SEP].

    Raises TrainingError if the tokenizer cannot be read.
    """
    tokenizer = _uncut_tokenizer(folder)
    normalize = NORMALIZERS[folder.normalizer]
    starts = range(0, len(split), _BATCH_TEXTS)
    counts: list[int] = []
    with progress(f"tokens of {split.name}", len(starts)) as advance:
        for start in starts:
            texts = [normalize(text) for text in split.texts[start : start + _BATCH_TEXTS]]
            counts += [len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts)]
            advance(f"({len(counts)} texts)")
    return np.array(counts)


def _uncut_tokenizer(folder: ModelFolder) -> Tokenizer:
    path = folder.path / TOKENIZER_FILE
    try:
        tokenizer = read_tokenizer(path)
    except ValueError as error:
        raise TrainingError(
            f"{path}: not a tokenizer file ({reason_of(error)}); export the model folder again"
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
