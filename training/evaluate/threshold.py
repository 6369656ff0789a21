"""The threshold of neutral that a model folder suggests."""

import json
from pathlib import Path
from typing import Final

from training.output.errors import TrainingError

METRICS_FILE: Final = "metrics.json"


def suggested_by(folder: Path) -> float | None:
    """Return the threshold in the folder's metrics.json; None if the folder suggests none.

    Raises TrainingError if metrics.json cannot be read.
    """
    path = folder / METRICS_FILE
    if not path.is_file():
        return None
    try:
        threshold = json.loads(path.read_text(encoding="utf-8")).get("neutral", {}).get("threshold")
        return None if threshold is None else float(threshold)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"{path}: no threshold can be read ({type(error).__name__}); give one with --neutral-threshold"
        ) from error
