"""The command that takes docs/page.png: it refuses with one line, and the picture has the promised width."""

import re
import struct
from pathlib import Path

import pytest

from deploy.page_picture import PICTURE, main

WIDTH_PX = 1280


def put_program(folder: Path, name: str, output: str = "") -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{output}'\n")
    program.chmod(0o755)


def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], programs: Path) -> str:
    """Return what the command prints where only these programs are installed."""
    monkeypatch.setenv("PATH", str(programs))
    assert main(["--output", str(programs / "page.png")]) == 1
    assert not (programs / "page.png").exists()
    return capsys.readouterr().err


def test_without_chromium_the_command_refuses_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert re.fullmatch(r"error: Chromium is not installed: .+\n", refusal(monkeypatch, capsys, tmp_path))


def test_without_a_font_with_emoji_the_command_refuses_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    put_program(tmp_path, "chromium")
    assert re.fullmatch(r"error: fc-list is not installed: .+\n", refusal(monkeypatch, capsys, tmp_path))
    put_program(tmp_path, "fc-list")
    assert re.fullmatch(r"error: no font with emoji is installed: .+\n", refusal(monkeypatch, capsys, tmp_path))


def test_the_picture_is_a_png_of_the_promised_width() -> None:
    head = PICTURE.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", head[16:20]) == (WIDTH_PX,)
