"""Prometheus' own tool, and the files that it judges."""

import subprocess
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from tests.installed import installed

FOLDER: Final = Path(__file__).parents[2] / "deploy/prometheus"
RULES: Final = sorted(FOLDER.glob("rules/*.yml"))
RULE_TESTS: Final = sorted(FOLDER.glob("tests/*.yml"))


def promtool(*arguments: str) -> str:
    """What it says; it must be content. Skips the test where it is not installed, unless KAFKA_HOME is set."""
    program = installed("promtool", package="prometheus")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=240)
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
