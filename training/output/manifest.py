"""Write the manifest of a folder, in the format of `sha256sum --check`."""

from pathlib import Path

from worker.inference.manifest import MANIFEST, sha256


def write_manifest(folder: Path) -> None:
    """Write SHA256SUMS with the SHA-256 of every other file in the folder."""
    files = sorted(path for path in folder.iterdir() if path.name != MANIFEST)
    (folder / MANIFEST).write_text("".join(f"{sha256(path)}  {path.name}\n" for path in files), encoding="utf-8")
