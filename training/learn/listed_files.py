"""Give transformers only those files of a folder that the folder's manifest lists."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.inference.manifest import MANIFEST, check_files, read_manifest


@contextmanager
def listed_files(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder with links to the files of the manifest, or the folder itself if it has no manifest.

    transformers reads every file whose name it knows, such as adapter_config.json or added_tokens.json, listed or
    not. Raises ManifestError if a listed file has changed.
    """
    if not (folder / MANIFEST).exists():
        yield folder
        return
    sums = read_manifest(folder)
    check_files(folder, sums)
    with tempfile.TemporaryDirectory() as made:
        for name in sums:
            (Path(made) / name).symlink_to((folder / name).absolute())
        yield Path(made)
