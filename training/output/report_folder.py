"""The folder of a report: checked before the work that fills it, freed of an earlier report's pictures after it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from training.output.errors import TrainingError

REPORT_FILE: Final = "report.json"
"""What every report folder holds: all that was found, for programs."""


def prepare_report_folder(output: Path) -> None:
    """Make the folder and its parents before the work that fills it; what the folder holds stays as it is.

    Raises TrainingError with one line where the path is a file or no file can be written there.
    """
    with _explained(output):
        if output.exists() and not output.is_dir():
            raise TrainingError(f"{output}: cannot be written (it is a file, not a folder); choose another --output")
        output.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=output).close()


@contextmanager
def writing_report(output: Path, *, pictures: str) -> Iterator[None]:
    """Delete an earlier report's pictures, then let the block write a report into the folder.

    `pictures` is a regular expression for the names that pictures of this kind of report may have: one that is left
    would seem to belong to the new report. Raises TrainingError with one line where the disk refuses.
    """
    with _explained(output):
        for path in output.iterdir():
            if re.fullmatch(pictures, path.name):
                path.unlink()
        yield


@contextmanager
def _explained(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{output}: cannot be written ({error.strerror}); make room or choose another --output"
        ) from error
