"""Peers' packages: pinned, in an environment of their own; a peer whose packages do not install is skipped."""

import hashlib
import re
from pathlib import Path

import pytest

from benchmarks.suite import environments
from benchmarks.suite.engines import PEERS
from benchmarks.suite.environments import environment_variables, python_of
from benchmarks.suite.errors import SkippedError

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "benchmarks" / "peers" / "requirements"


@pytest.mark.parametrize("file", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda file: file.stem)
def test_every_package_of_a_peer_is_pinned_and_pytorch_is_that_of_the_project(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+", line)] == []
    torch = next(line for line in lines if line.startswith("torch=="))
    assert torch in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("environment", [name for name in PEERS.values() if name is not None])
def test_every_peer_has_requirements(environment: str) -> None:
    assert (REQUIREMENTS / f"{environment}.txt").is_file()


def test_packages_that_do_not_install_skip_the_peer_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.txt").write_text(f"{tmp_path}/missing-1.0-py3-none-any.whl\n", encoding="utf-8")
    monkeypatch.setattr(environments, "_REQUIREMENTS", tmp_path)
    with pytest.raises(SkippedError, match=r"^its packages do not install \(ERROR: .*missing-1\.0.*\); see .*\.log$"):
        python_of("broken", tmp_path / "cache")


def test_an_environment_that_is_there_with_the_same_versions_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "peer.txt").write_text("a-package==1\n", encoding="utf-8")
    monkeypatch.setattr(environments, "_REQUIREMENTS", tmp_path)
    folder = tmp_path / "cache" / "environments" / "peer"
    folder.mkdir(parents=True)
    (folder / "installed").write_text(hashlib.sha256(b"a-package==1\n").hexdigest(), encoding="ascii")
    assert python_of("peer", tmp_path / "cache").is_relative_to(folder)


def test_a_limit_of_threads_in_the_shell_does_not_reach_the_contenders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = environment_variables(MORE="x")
    assert "OMP_NUM_THREADS" not in found
    assert (found["MORE"], found["PYTHONPATH"]) == ("x", str(ROOT))


def test_a_file_of_versions_may_lie_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.txt").write_text("a-package==1\n", encoding="utf-8")
    folder = tmp_path / "cache" / "environments" / "elsewhere"
    folder.mkdir(parents=True)
    (folder / "installed").write_text(hashlib.sha256(b"a-package==1\n").hexdigest(), encoding="ascii")
    assert python_of("elsewhere", tmp_path / "cache", requirements=tmp_path).is_relative_to(folder)
