"""The manifest of a folder: the SHA-256 of each of its files, in the format of `sha256sum --check`."""

import hashlib
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

MANIFEST: Final = "SHA256SUMS"

_MAX_BYTES: Final = 65_536
"""A manifest of some hundred files; a model folder has nine."""

_LINE: Final = re.compile(r"([0-9a-f]{64})  ([^/\\\x00-\x1f\x7f]+)")
"""A digest and the name of a file in the folder itself: no path."""


class ManifestError(ValueError):
    """The manifest, or a file that the manifest lists, is not as it must be; the message is one line."""


def read_manifest(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file by its name. Raises ManifestError for a manifest that lists anything else."""
    try:
        if file_size(folder, MANIFEST) > _MAX_BYTES:
            raise ManifestError(f"it has more than {_MAX_BYTES} bytes")
        lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = error if isinstance(error, ManifestError) else type(error).__name__
        raise ManifestError(f"there is no {MANIFEST} that can be read ({reason})") from None
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        found = _LINE.fullmatch(line)
        if found is None or found[2] in (".", "..", MANIFEST) or found[2] in sums:
            raise ManifestError(
                f"line {number} of {MANIFEST} is not a SHA-256, two spaces and the name of one more file of this folder"
            )
        sums[found[2]] = found[1]
    return sums


def check_files(folder: Path, sums: Mapping[str, str]) -> None:
    """Compare the files with their SHA-256. Raises ManifestError for the first one that differs."""
    for name, expected in sums.items():
        file_size(folder, name)
        try:
            found = sha256(folder / name)
        except OSError as error:
            raise ManifestError(f"{name} cannot be read ({error.strerror})") from None
        if found != expected:
            raise ManifestError(f"{name} does not have the SHA-256 in {MANIFEST}")


def file_size(folder: Path, name: str) -> int:
    """Return the bytes of a regular file. Raises ManifestError for a missing file, a link, a folder or a device."""
    try:
        found = (folder / name).lstat()
    except OSError:
        raise ManifestError(f"{name} is missing") from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a regular file"
        raise ManifestError(f"{name} is {kind}: put the file itself into the folder")
    return found.st_size


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
