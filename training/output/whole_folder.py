"""Folders that appear whole or not at all: written beside the target, then renamed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.output.errors import TrainingError


@contextmanager
def whole_folder(target: Path, *, replaces: str) -> Iterator[Path]:
    """Yield a new folder to fill; when the block ends without an error it becomes `target`.

    An existing target is replaced only if it is empty or holds the file `replaces`, which marks a folder of the
    same kind. Raises TrainingError otherwise, before any work, and where the disk refuses.
    """
    require_replaceable(target, replaces=replaces)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise TrainingError(f"{target}: cannot be written ({error.strerror}); choose another folder") from error
    try:
        yield beside
        beside.chmod(0o755)
        _put_in_place(beside, target)
    except OSError as error:
        raise TrainingError(f"{target}: cannot be written ({error.strerror}); make room or choose another") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def require_replaceable(target: Path, *, replaces: str) -> None:
    """Raise TrainingError if the target holds something that this program did not put there."""
    if target.exists() and not target.is_dir():
        raise TrainingError(f"{target}: is a file; choose a folder")
    if target.is_dir() and any(target.iterdir()) and not (target / replaces).is_file():
        raise TrainingError(f"{target}: holds other files (no {replaces}); choose a new or an empty folder")


def _put_in_place(beside: Path, target: Path) -> None:
    old = beside.with_name(beside.name + "-old")
    if target.exists():
        target.rename(old)
    beside.rename(target)
    shutil.rmtree(old, ignore_errors=True)
