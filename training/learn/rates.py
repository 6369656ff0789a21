"""The learning rate for the width of a base: a rate for a narrow base destroys the pretraining of a wide base."""

from typing import Any, Final

from transformers import PreTrainedModel

_RATE_FROM_UNITS: Final = ((1024, 2e-5), (768, 5e-5), (0, 2e-4))
"""The least number of hidden units, and the learning rate from that number on."""


def suited_learning_rate(model: PreTrainedModel) -> float:
    """Return the highest learning rate of the schedule for the model's hidden units: 2e-4 for the 384 of MiniLM.

    The rates for 768 and 1024 units are those of BERT's authors (Devlin et al. 2019, appendix A.3).
    """
    config: Any = model.config
    units = int(getattr(config, "hidden_size", 768))
    return next(rate for least, rate in _RATE_FROM_UNITS if units >= least)
