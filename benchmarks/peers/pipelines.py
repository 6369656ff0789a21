"""What most people run: a `transformers` pipeline, in every sensible setting, and a loop with one text a call.

Beside them the ceilings: the speed of large matrix products alone, in int8 and in fp32.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import torch
import transformers

from benchmarks.peers.plain_pipeline import DTYPES, load_pipeline, pipeline_of
from benchmarks.peers.protocol import Contender, Loading, serve

BATCH_SIZES: Final = (8, 32, 128)

#: Rows and columns of the matrices whose product is the ceiling: larger than every cache, as fast as products get.
MATRIX: Final = 2048
GOP: Final = 2 * MATRIX**3 / 1e9

#: The tweets of this project have fewer tokens.
MAX_TOKENS: Final = 128


def load(loading: Loading) -> Mapping[str, Contender]:
    """Return the settings of the pipeline by name, the loop, a DistilBERT of the usual size, and the ceilings."""
    contenders: dict[str, Contender] = {
        "int8 ceiling": _ceiling(_int8_product()),
        "fp32 ceiling": _ceiling(_fp32_product()),
    }
    for name in DTYPES:
        pipeline = load_pipeline(loading.model, name)
        for size in BATCH_SIZES:
            contenders[f"pipeline {name} {size}"] = partial(_label, pipeline, size)
            contenders[f"pipeline {name} {size} sorted"] = partial(_label_sorted, pipeline, size)
        usual = pipeline_of(_usual_size(DTYPES[name]), pipeline.tokenizer)
        contenders[f"distilbert 6x768 {name}"] = partial(_label, usual, 32)
        if name == "fp32":
            contenders["notebook loop"] = partial(_one_by_one, pipeline.model, pipeline.tokenizer)
    return contenders


def _label(pipeline: Any, batch_size: int, texts: Sequence[str]) -> None:
    pipeline(list(texts), batch_size=batch_size, truncation=True, max_length=MAX_TOKENS)


def _label_sorted(pipeline: Any, batch_size: int, texts: Sequence[str]) -> None:
    _label(pipeline, batch_size, sorted(texts, key=len))


@torch.inference_mode()
def _one_by_one(model: Any, tokenizer: Any, texts: Sequence[str]) -> None:
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=MAX_TOKENS)
        model(**inputs).logits.softmax(-1).argmax(-1).item()


def _usual_size(dtype: torch.dtype) -> Any:
    """Return a DistilBERT with random weights, six layers of 768: the speed does not depend on the weights."""
    torch.manual_seed(13)
    library: Any = transformers
    return library.DistilBertForSequenceClassification(library.DistilBertConfig(num_labels=6)).to(dtype).eval()


def _ceiling(product: Callable[[], object]) -> Contender:
    def multiply(texts: Sequence[str]) -> float:
        for _ in texts:
            product()
        return GOP * len(texts)

    return multiply


def _int8_product() -> Callable[[], object]:
    left, right = (torch.randint(-128, 127, (MATRIX, MATRIX), dtype=torch.int8) for _ in range(2))
    return lambda: torch._int_mm(left, right)


def _fp32_product() -> Callable[[], object]:
    left, right = (torch.randn(MATRIX, MATRIX) for _ in range(2))
    return lambda: left @ right


if __name__ == "__main__":
    serve(load, ["torch", "transformers", "tokenizers"])
