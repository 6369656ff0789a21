"""The threshold of neutral that a model folder suggests."""

from pathlib import Path
from typing import Final

from training.output.errors import TrainingError, reason_of
from worker.inference.model_config import checked_share, read_json

METRICS_FILE: Final = "metrics.json"


def suggested_by(folder: Path) -> float | None:
    """Return the threshold in the folder's metrics.json; None if the folder suggests none.

    Raises TrainingError if metrics.json cannot be read.
    """
    path = folder / METRICS_FILE
    if not path.is_file():
        return None
    try:
        threshold = read_json(path).get("neutral", {}).get("threshold")
        return None if threshold is None else checked_share(threshold, "neutral.threshold")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"{path}: no threshold can be read ({reason_of(error)}); give one with --neutral-threshold"
        ) from error
