"""Every reason of a dead letter is declared, and every declared reason is used."""

import ast
from pathlib import Path

from tweets.reasons import REASONS

ROOT = Path(__file__).parents[2]


def test_the_code_raises_the_declared_reasons_and_no_others() -> None:
    raised = set()
    for package in ("tweets", "worker"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "BadRecordError":
                    assert isinstance(node.args[0], ast.Constant), f"{path}: write the reason as a string"
                    raised.add(node.args[0].value)
    assert raised == set(REASONS)
