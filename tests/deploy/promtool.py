"""Prometheus' own tool promtool, and the files that promtool checks."""

import subprocess
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from tests.installed import installed

FOLDER: Final = Path(__file__).parents[2] / "deploy/prometheus"
RULES: Final = sorted(FOLDER.glob("rules/*.yml"))
RULE_TESTS: Final = sorted(FOLDER.glob("tests/*.yml"))

#: The longest run of promtool evaluates days of rules; a busy machine needs a minute.
_TIMEOUT_S: Final = 240


def promtool(*arguments: str) -> str:
    """Run promtool, which must succeed, and return its output; skip the test as `installed` does."""
    program = installed("promtool", package="prometheus")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


def content(path: Path) -> Any:
    """Return the parsed content of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules(kind: str) -> list[dict[str, Any]]:
    """Return all rules of a kind, `alert` or `record`."""
    groups = [group for path in RULES for group in content(path)["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]
