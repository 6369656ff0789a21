"""Folders that appear whole or not at all: written beside the target, then renamed."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.errors import TrainingError


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


def write_json(path: Path, value: Any) -> None:
    """Write indented UTF-8 JSON with a last line break."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, name: str) -> None:
    """Write the SHA-256 of every other file in the folder, as `sha256sum` prints it."""
    files = sorted(path for path in folder.iterdir() if path.name != name)
    (folder / name).write_text("".join(f"{sha256(path)}  {path.name}\n" for path in files), encoding="utf-8")
