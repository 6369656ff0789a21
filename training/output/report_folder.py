"""Check the folder of a report before the work starts, and replace an earlier report when the work is done."""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from training.output.errors import TrainingError
from training.output.manifest import write_manifest
from training.output.own_folder import REPORT_FOLDER, own_files

REPORT_FILE: Final = REPORT_FOLDER.file
"""The JSON file of every report folder: all results, for programs."""


def prepare_report_folder(output: Path, *, beside: Collection[str] = ()) -> None:
    """Make the folder and its parents before the work starts; files in an existing folder stay unchanged.

    Raises TrainingError if the folder has other files than those of a report and `beside`, or cannot be written.
    """
    with _explained(output):
        if output.exists() and not output.is_dir():
            raise TrainingError(f"{output}: cannot be written (it is a file, not a folder); choose another --output")
        own_files(output, REPORT_FOLDER, beside=beside)
        output.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=output).close()


@contextmanager
def writing_report(output: Path, *, beside: Collection[str] = ()) -> Iterator[Path]:
    """Yield a temporary folder to fill; put its files in the place of an earlier report when the block ends.

    Files named in `beside` stay. Raises TrainingError like `prepare_report_folder`; the earlier report then stays too.
    """
    with _explained(output), tempfile.TemporaryDirectory(prefix=".report-", dir=output) as made:
        temporary = Path(made)
        yield temporary
        write_manifest(temporary)
        for name in own_files(output, REPORT_FOLDER, beside={*beside, temporary.name}):
            (output / name).unlink()
        for path in sorted(temporary.iterdir()):
            path.replace(output / path.name)


@contextmanager
def _explained(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{output}: cannot be written ({error.strerror}); free disk space or choose another --output"
        ) from error
