"""The checkpoint of a run, from which an interrupted run resumes: one file beside the run's folder."""

import os
from pathlib import Path
from typing import Any

import torch

from training.output.errors import TrainingError
from training.output.progress import say


class Checkpoint:
    """The file with the state of one run; each save replaces the whole file.

    `identity` is a digest of the run's arguments, data and versions; the state of a run with another identity is not
    used. A state consists of tensors, numbers, strings and containers of them; loading executes no code in the file.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._identity = identity

    def load(self) -> dict[str, Any] | None:
        """Return the state that was saved last, or None if there is no state of this run that can be read."""
        if not self._path.exists():
            return None
        try:
            saved: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
            if saved["identity"] == self._identity:
                state: dict[str, Any] = saved["state"]
                return state
        except Exception as error:  # PyTorch does not document what a damaged archive raises
            say(f"{self._path}: checkpoint cannot be read ({type(error).__name__}); training starts from epoch 1")
            return None
        say(
            f"{self._path}: the checkpoint is of a run with other arguments, data or versions; "
            "training starts from epoch 1"
        )
        return None

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state; a crash meanwhile leaves the earlier state.

        Raises TrainingError if the file cannot be written.
        """
        new = self._path.with_name(self._path.name + ".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as file:
                torch.save({"identity": self._identity, "state": state}, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except (OSError, RuntimeError) as error:  # PyTorch raises RuntimeError on a full disk
            new.unlink(missing_ok=True)
            reason = getattr(error, "strerror", None) or "the disk is full or not writable"
            raise TrainingError(
                f"{self._path}: the checkpoint cannot be written ({reason}); free disk space, then run the same "
                "command again"
            ) from error

    def delete(self) -> None:
        """Delete the file: the run has ended."""
        self._path.unlink(missing_ok=True)
