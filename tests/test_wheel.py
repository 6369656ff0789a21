"""The wheel is complete: it holds every file of the packages, and works where nothing else of the project is."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tweets.emotions import EMOTIONS

ROOT = Path(__file__).parents[1]
PACKAGES = ("tweets", "worker", "producer", "training", "dashboard")
LIMIT_S = 120
"""For each program that a test runs; building compresses the 56 MB of the model."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * LIMIT_S)]


def files_of(*paths: str) -> set[str]:
    """Return the files under these paths that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build the wheel from a copy, so that no earlier build in the project's folder can add a file."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in files_of(*PACKAGES, "pyproject.toml", "README.md", "LICENSE"):
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    run("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(built), str(source))
    shutil.rmtree(source)
    (made,) = built.glob("emotion_stream-*.whl")
    yield made
    shutil.rmtree(built)


def run(*arguments: str, environment: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run the interpreter, assert exit code 0 and return its stdout."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_wheel_has_every_file_of_the_packages_and_no_other(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert shipped == files_of(*PACKAGES)


def test_an_installed_wheel_classifies_without_the_projects_folder(wheel: Path, tmp_path: Path) -> None:
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    run("-m", "pip", "install", "--no-deps", "--no-index", "--no-compile", "--target", str(installed), str(wheel))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MODEL_"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(installed), *libraries()])
    text = "I'm so happy to see you again!"
    # -S: site-packages is on the path for the libraries, and no .pth file adds the project's folder.
    out = run("-S", "-m", "worker", "classify", text, "--json", environment=environment, cwd=elsewhere)
    labelled = json.loads(out)
    assert (labelled["text"], labelled["emotion"]) == (text, "joy")
    assert set(labelled["scores"]) == set(EMOTIONS)
    imported = run(
        "-S",
        "-c",
        "import importlib, json, sys\n"
        f"print(json.dumps([importlib.import_module(name).__file__ for name in {PACKAGES}]))",
        environment=environment,
        cwd=elsewhere,
    )
    assert all(Path(file).is_relative_to(installed) for file in json.loads(imported))


def libraries() -> list[str]:
    """Return the folders of the installed libraries."""
    return sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
