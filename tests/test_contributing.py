"""CONTRIBUTING.md names files that exist, and its steps were followed for every training command."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
OTHER_PAGES = {"README", "sample"}
"""Pages in docs/training that describe no command."""
FILES = sorted(set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*\w)`", TEXT)))


@pytest.mark.parametrize("path", FILES)
def test_a_named_file_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_training_command_has_a_page_and_every_page_a_command() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "training", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    commands = set(re.findall(r"^    (\w+)  ", asked.stdout, re.MULTILINE))
    pages = {path.stem for path in (ROOT / "docs" / "training").glob("*.md")} - OTHER_PAGES
    assert commands == pages
    index = (ROOT / "docs" / "training" / "README.md").read_text(encoding="utf-8")
    assert pages == set(re.findall(r"\]\((\w+)\.md\)", index)) - OTHER_PAGES


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make (\w+)", TEXT))))
def test_a_named_make_target_exists(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
