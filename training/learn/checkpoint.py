"""An interrupted run goes on where it was: one file beside the run, replaced as a whole, deleted at the end."""

import os
from pathlib import Path
from typing import Any

import torch

from training.output.errors import TrainingError
from training.output.progress import say


class Checkpoint:
    """The file that holds the state of one run.

    `identity` says which run it belongs to: arguments, data and versions. The state of another run is not used.
    Tensors, numbers, strings and containers of them can be kept; nothing in the file is executed when it is read.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._identity = identity

    def load(self) -> dict[str, Any] | None:
        """Return the state that was saved last, or None where there is none of this run."""
        if not self._path.exists():
            return None
        try:
            saved: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
            if saved["identity"] == self._identity:
                state: dict[str, Any] = saved["state"]
                return state
        except Exception as error:  # what a damaged archive raises is not documented
            say(f"{self._path}: cannot be read ({type(error).__name__}); starting from the beginning")
            return None
        say(f"{self._path}: belongs to a run with other arguments, data or versions; starting from the beginning")
        return None

    def save(self, state: dict[str, Any]) -> None:
        """Replace what was saved before; a crash in between leaves the earlier state."""
        beside = self._path.with_name(self._path.name + ".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                torch.save({"identity": self._identity, "state": state}, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except (OSError, RuntimeError) as error:  # torch wraps a full disk in a RuntimeError
            beside.unlink(missing_ok=True)
            reason = getattr(error, "strerror", None) or "the disk is full or not writable"
            raise TrainingError(
                f"{self._path}: the checkpoint cannot be written ({reason}); make room, then start the command again"
            ) from error

    def delete(self) -> None:
        """Forget the state of a run that has ended."""
        self._path.unlink(missing_ok=True)
