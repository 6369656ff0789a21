"""A `transformers` pipeline of a model folder, as its users make one."""

from typing import Any, Final

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

DTYPES: Final = {"fp32": torch.float32, "bf16": torch.bfloat16}


def load_pipeline(folder: str, dtype: str) -> Any:
    """Return the pipeline with weights of this dtype, one of DTYPES."""
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder, dtype=DTYPES[dtype])
    return pipeline_of(model.eval(), AutoTokenizer.from_pretrained(folder))


def pipeline_of(model: Any, tokenizer: Any) -> Any:
    """Return the pipeline of a model and a tokenizer."""
    library: Any = transformers
    return library.TextClassificationPipeline(model=model, tokenizer=tokenizer, device="cpu")
