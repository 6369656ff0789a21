"""The learning rate that suits a base: at the rate that a narrow one needs, a wide one forgets what it knows."""

from typing import Any, Final

from transformers import PreTrainedModel

_RATE_FROM_UNITS: Final = ((1024, 2e-5), (768, 5e-5), (0, 2e-4))


def suited_learning_rate(model: PreTrainedModel) -> float:
    """Return the highest rate of a schedule, by the units of the model's layers: 2e-4 for MiniLM's 384.

    The rates for 768 and 1024 units are the usual ones (Devlin et al. 2019, appendix A.3).
    """
    config: Any = model.config
    units = int(getattr(config, "hidden_size", 768))
    return next(rate for least, rate in _RATE_FROM_UNITS if units >= least)
