"""A virtual environment for each peer, made once from the pinned versions of its requirements file."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.suite.errors import SkippedError
from benchmarks.suite.progress import say

ROOT: Final = Path(__file__).parents[2]

#: Environments and results; ignored by git.
CACHE: Final = ROOT / ".bench"

_REQUIREMENTS: Final = ROOT / "benchmarks" / "peers" / "requirements"

#: PyTorch with the libraries of CUDA, over a slow network.
_INSTALL_LIMIT_S: Final = 1_800.0

#: All cores are the benchmark's: a limit of the shell it was started in would slow the contenders differently.
_THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def environment_variables(**more: str) -> dict[str, str]:
    """Return this process's environment for a contender, which imports this project from the project's folder."""
    kept = {name: value for name, value in os.environ.items() if name not in _THREADS}
    return kept | {"PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "true", "HF_HUB_OFFLINE": "1"} | more


def python_of(name: str, cache: Path = CACHE, *, requirements: Path | None = None) -> Path:
    """Return the interpreter of a peer's environment, which is made first if it is missing or has other versions.

    `requirements` is the folder of the file with the versions, if it is not that of the benchmark's peers. Raises
    SkippedError with the reason if the packages do not install.
    """
    pins = (requirements or _REQUIREMENTS) / f"{name}.txt"
    folder = cache / "environments" / name
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    installed = folder / "installed"
    wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
    if installed.is_file() and installed.read_text(encoding="ascii") == wanted:
        return python
    say(f"installing the packages of the peer {name} into {folder} ...")
    folder.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", str(folder)], folder.parent / f"{name}.log")
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(pins)]
    _run(pip, folder.parent / f"{name}.log")
    installed.write_text(wanted, encoding="ascii")
    return python


def pinned_versions(*packages: str) -> dict[str, dict[str, str]]:
    """Return the pinned versions of these packages, by environment."""
    found = {
        file.stem: {name: version for name, _, version in _pins(file) if name in packages}
        for file in sorted(_REQUIREMENTS.glob("*.txt"))
    }
    return {environment: versions for environment, versions in found.items() if versions}


def _pins(file: Path) -> list[tuple[str, str, str]]:
    return [line.partition("==") for line in file.read_text(encoding="utf-8").splitlines()]


def _run(command: list[str], log: Path) -> None:
    with log.open("wb") as output:
        try:
            ended = subprocess.run(command, stdout=output, stderr=output, timeout=_INSTALL_LIMIT_S, check=False)
        except subprocess.TimeoutExpired:
            raise SkippedError(f"its packages were not installed within {_INSTALL_LIMIT_S:g} s; see {log}") from None
    if ended.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        reason = next(
            (line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "no output"
        )
        raise SkippedError(f"its packages do not install ({reason.strip()[:200]}); see {log}")
