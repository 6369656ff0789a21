"""Check the folder of a report before the work starts, and delete an earlier report's pictures when it is done."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from training.output.errors import TrainingError

REPORT_FILE: Final = "report.json"
"""The JSON file of every report folder: all results, for programs."""


def prepare_report_folder(output: Path) -> None:
    """Make the folder and its parents before the work starts; files in an existing folder stay unchanged.

    Raises TrainingError if the path is a file or no file can be written in the folder.
    """
    with _explained(output):
        if output.exists() and not output.is_dir():
            raise TrainingError(f"{output}: cannot be written (it is a file, not a folder); choose another --output")
        output.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=output).close()


@contextmanager
def writing_report(output: Path, *, pictures: str) -> Iterator[None]:
    """Delete an earlier report's pictures, then let the block write a report into the folder.

    `pictures` is a regular expression for the names of the pictures of this kind of report; an old picture would seem
    to belong to the new report. Raises TrainingError if a file cannot be written.
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
            f"{output}: cannot be written ({error.strerror}); free disk space or choose another --output"
        ) from error
