"""Recognise a folder that a command of this package wrote: its files are only then replaced."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.output.errors import TrainingError
from worker.inference.manifest import MANIFEST, ManifestError, check_files, read_manifest
from worker.inference.model_config import read_json
from worker.inference.model_folder import CONFIG_FILE


@dataclass(frozen=True, slots=True)
class FolderKind:
    """A kind of folder, the file that each folder of this kind has, and a field of the JSON in this file."""

    name: str
    file: str
    field: str | None = None


MODEL_FOLDER: Final = FolderKind("a model folder", CONFIG_FILE, "model_id")
RUN_FOLDER: Final = FolderKind("a training run", "run.json", "recipe")
REPORT_FOLDER: Final = FolderKind("a report", "report.json")


def own_files(folder: Path, kind: FolderKind, *, beside: Collection[str] = ()) -> list[str]:
    """Return the names of the folder's files, none for a missing or an empty folder.

    Files named in `beside` may be there too and are left out. Raises TrainingError if the path is a file or a symbolic
    link, or if the folder is not exactly what a command wrote: a folder of this kind with all files of its manifest,
    unchanged, and no other.
    """
    if folder.is_symlink():
        raise TrainingError(f"{folder}: is a symbolic link; give the folder itself")
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise TrainingError(f"{folder}: is a file; choose a folder")
    try:
        names = {path.name for path in folder.iterdir()} - set(beside)
        if names:
            _require_own(folder, names, kind)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{folder}: is not exactly {kind.name} that this program wrote ({error}), and is kept as it is; choose a "
            "new or an empty folder"
        ) from error
    return sorted(names)


def _require_own(folder: Path, names: Collection[str], kind: FolderKind) -> None:
    sums = read_manifest(folder)
    if others := sorted(set(names) - {*sums, MANIFEST}):
        raise ManifestError(f"{MANIFEST} does not list {others[0]!a}")
    if kind.file not in sums:
        raise ManifestError(f"{MANIFEST} does not list {kind.file}")
    check_files(folder, sums)
    if kind.field is not None:
        fields = read_json(folder / kind.file)
        if not isinstance(fields, dict) or kind.field not in fields:
            raise ManifestError(f"{kind.file} has no {kind.field}")
