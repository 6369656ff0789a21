"""Write a folder as a whole: into a temporary folder beside the target, which is then renamed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.output.errors import TrainingError


@contextmanager
def whole_folder(target: Path, *, replaces: str) -> Iterator[Path]:
    """Yield a temporary folder to fill; rename the folder to `target` when the block ends without an error.

    An existing target is replaced only if it is empty or holds the file `replaces`, which marks a folder of the
    same kind. Raises TrainingError otherwise, before the block starts, and if a file cannot be written.
    """
    require_replaceable(target, replaces=replaces)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise TrainingError(f"{target}: cannot be written ({error.strerror}); choose another folder") from error
    try:
        yield temporary
        temporary.chmod(0o755)
        _put_in_place(temporary, target)
    except OSError as error:
        raise TrainingError(
            f"{target}: cannot be written ({error.strerror}); free disk space or choose another folder"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_replaceable(target: Path, *, replaces: str) -> None:
    """Raise TrainingError if the target is a file, or a folder with files but without the file `replaces`."""
    if target.exists() and not target.is_dir():
        raise TrainingError(f"{target}: is a file; choose a folder")
    if target.is_dir() and any(target.iterdir()) and not (target / replaces).is_file():
        raise TrainingError(f"{target}: holds other files and no {replaces}; choose a new or an empty folder")


def _put_in_place(temporary: Path, target: Path) -> None:
    old = temporary.with_name(temporary.name + "-old")
    if target.exists():
        target.rename(old)
    temporary.rename(target)
    shutil.rmtree(old, ignore_errors=True)
