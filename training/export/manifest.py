"""The manifest of a model folder, in the format of `sha256sum --check`."""

import hashlib
from pathlib import Path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, name: str) -> None:
    """Write file `name` with the SHA-256 of every other file in the folder, in the format of `sha256sum`."""
    files = sorted(path for path in folder.iterdir() if path.name != name)
    (folder / name).write_text("".join(f"{sha256(path)}  {path.name}\n" for path in files), encoding="utf-8")
