"""Prometheus' own tool, and the files that it judges."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

FOLDER: Final = Path(__file__).parents[2] / "deploy/prometheus"
RULES: Final = sorted(FOLDER.glob("rules/*.yml"))
RULE_TESTS: Final = sorted(FOLDER.glob("tests/*.yml"))


def promtool(*arguments: str) -> str:
    """What it says; it must be content. Skips the test where it is not installed, unless KAFKA_HOME is set."""
    if shutil.which("promtool") is None:
        assert not os.environ.get("KAFKA_HOME"), "promtool is not installed (Debian: apt-get install prometheus)"
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, timeout=240)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def content(path: Path) -> Any:
    """What a YAML file says."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules(kind: str) -> list[dict[str, Any]]:
    """All rules of a kind, which is `alert` or `record`."""
    groups = [group for path in RULES for group in content(path)["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]
