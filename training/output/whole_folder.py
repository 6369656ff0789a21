"""Write a folder as a whole: into a temporary folder beside the target, which is then renamed."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from training.output.errors import TrainingError
from training.output.manifest import write_manifest
from training.output.own_folder import FolderKind, own_files
from training.output.progress import say


@contextmanager
def whole_folder(target: Path, *, replaces: FolderKind) -> Iterator[Path]:
    """Yield a temporary folder to fill; give it a manifest and rename it to `target` when the block ends without error.

    An existing target is replaced only if it is empty or exactly a folder of the kind `replaces`, see `own_files`.
    Raises TrainingError otherwise, before the block starts and, if the target has changed meanwhile, after its end; and
    if a file cannot be written.
    """
    own_files(target, replaces)
    target = target.resolve()  # such as "."
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise TrainingError(f"{target}: cannot be written ({error.strerror}); choose another folder") from error
    try:
        yield temporary
        write_manifest(temporary)
        _make_readable(temporary)
        _put_in_place(temporary, target, own_files(target, replaces))
    except OSError as error:
        raise TrainingError(
            f"{target}: cannot be written ({error.strerror}); free disk space or choose another folder"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _make_readable(folder: Path) -> None:
    """Let other users read the folder: some of its files were made with the rights of temporary files."""
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)


def _put_in_place(temporary: Path, target: Path, replaced: Sequence[str]) -> None:
    """Rename the temporary folder to the target, and delete the files `replaced` of the earlier folder."""
    old = temporary.with_name(temporary.name + "-old")
    if target.exists():
        target.rename(old)
    temporary.rename(target)
    if not old.exists():
        return
    try:
        for name in replaced:
            (old / name).unlink()
        old.rmdir()
    except OSError as error:
        say(f"{old}: the earlier folder cannot be deleted ({error.strerror}) and is kept there")
