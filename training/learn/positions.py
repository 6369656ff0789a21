"""The number of tokens that a model has positions for."""

import torch
from transformers import PreTrainedModel


def positions(model: PreTrainedModel) -> int:
    """Return the longest text in tokens; that of the configuration, or 512 as in BERT, without a table of positions."""
    for name, table in model.named_modules():
        if name.rpartition(".")[2] == "position_embeddings" and isinstance(table, torch.nn.Embedding):
            # RoBERTa and MPNet begin with the position after that of the padding.
            return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
    return int(getattr(model.config, "max_position_embeddings", 512))
