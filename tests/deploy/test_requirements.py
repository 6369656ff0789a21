"""What the images install: every file has a hash, the versions are those of constraints.txt, and nothing is missing."""

import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "deploy" / "docker" / "requirements"
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: Final = {"worker": "", "dashboard": "dashboard", "gpu": "gpu"}
"""File → the extra that an image installs."""

ENVIRONMENT: Final = {
    "python_version": "3.11",
    "python_full_version": "3.11.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}


def pins(text: str) -> dict[str, str]:
    """Return name → version of a file of pinned requirements."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def locked(name: str) -> dict[str, str]:
    return pins((FOLDER / f"{name}.txt").read_text(encoding="utf-8"))


def direct(extra: str) -> list[str]:
    """Return what pyproject.toml names for an extra."""
    return [*PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] if extra else ())]


def with_their_own(requirements: list[str]) -> set[str]:
    """Return the names of requirements and of everything that these need on linux/amd64, as far as it is installed."""
    found: set[str] = set()
    waiting = [Requirement(each) for each in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in found:
            found.add(name)
            waiting += _needs(requirement)
    return found


def _needs(requirement: Requirement) -> list[Requirement]:
    try:
        own = [Requirement(each) for each in metadata.requires(requirement.name) or []]
    except metadata.PackageNotFoundError:
        return []
    environments = [{**ENVIRONMENT, "extra": extra} for extra in ("", *requirement.extras)]
    return [each for each in own if each.marker is None or any(map(each.marker.evaluate, environments))]


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.txt")), ids=lambda file: file.stem)
def test_every_requirement_is_pinned_and_has_a_hash(file: Path) -> None:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    for requirement in "\n".join(lines).replace("\\\n", " ").splitlines():
        assert re.fullmatch(r"[a-z0-9-]+==\S+ ( +--hash=sha256:[0-9a-f]{64} ?)+", requirement), requirement[:80]


@pytest.mark.parametrize("name", [*EXTRAS, "build"])
def test_the_versions_are_those_of_the_constraints(name: str) -> None:
    constraints = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    found = locked(name)
    assert found
    assert found.items() <= constraints.items(), "run deploy/docker/lock.sh"


@pytest.mark.parametrize("name", EXTRAS)
def test_everything_that_an_image_needs_is_there(name: str) -> None:
    assert with_their_own(direct(EXTRAS[name])) <= set(locked(name)), "run deploy/docker/lock.sh"


def test_only_the_gpu_image_installs_torch() -> None:
    assert {name for name in EXTRAS if "torch" in locked(name)} == {"gpu"}


def test_the_dockerfile_installs_only_files_with_these_hashes() -> None:
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip [^&\n]*\binstall [^&\n]*", dockerfile)
    assert len(installs) == 3
    for install in installs:
        assert "--no-deps" in install
        assert ("--require-hashes" in install and "--only-binary :all:" in install) or "--no-index" in install
    (build,) = re.findall(r"pip [^&\n]*\bwheel [^&\n]*", dockerfile)
    assert "--no-build-isolation" in build
    assert "--no-index" in build
