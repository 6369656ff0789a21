"""An interrupted run resumes from its checkpoint and ends with the model of an uninterrupted run."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training.__main__ import main
from training.learn import fine_tuning
from training.learn.run_folder import LOGITS_FILE
from worker.errors import ExitCode

RECIPE = ["--epochs", "3", "--learning-rate", "1e-2", "--batch-size", "8", "--r-drop", "1", "--ema-decay", "0.9"]


def command(run: Path, dataset: str, base: str, *more: str) -> list[str]:
    return ["train", "--dataset", dataset, "--base", base, "--run", str(run), "--no-export", *RECIPE, *more]


def logits(run: Path) -> bytes:
    found: np.ndarray = np.load(run / LOGITS_FILE)
    return found.tobytes()


def checkpoint_of(run: Path) -> Path:
    return run.with_name(run.name + ".checkpoint")


class Interrupting:
    """Raises KeyboardInterrupt, as Ctrl-C does, at the start of the given step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, at_step: int) -> None:
        seed_step = fine_tuning._FineTuning._seed_step

        def interrupted(run: fine_tuning._FineTuning) -> None:
            if run._progress.step == at_step:
                monkeypatch.setattr(fine_tuning._FineTuning, "_seed_step", seed_step)
                raise KeyboardInterrupt
            seed_step(run)

        monkeypatch.setattr(fine_tuning._FineTuning, "_seed_step", interrupted)


@pytest.mark.slow
def test_a_killed_process_resumes_and_ends_with_the_same_model(tmp_path: Path, moods: str, tiny_base: str) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(command(whole, moods, tiny_base)) == 0
    program = [sys.executable, "-m", "training", *command(killed, moods, tiny_base)]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(
        program, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=offline
    ) as running:
        assert running.stderr is not None
        assert any(line.startswith("epoch 2/3:") for line in running.stderr)  # the steps of epoch 2 are done
        running.send_signal(signal.SIGKILL)
    assert checkpoint_of(killed).exists()
    assert not killed.exists()
    done = subprocess.run(program, capture_output=True, text=True, check=True, env=offline)
    assert re.search("resuming from the checkpoint after [12] epochs", done.stderr)
    assert logits(killed) == logits(whole)
    assert not checkpoint_of(killed).exists()


@pytest.mark.parametrize("step", [4, 15, 22])
def test_an_interrupted_epoch_resumes_at_the_interrupted_step(
    tmp_path: Path,
    moods: str,
    tiny_base: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    step: int,
) -> None:
    monkeypatch.setattr(fine_tuning, "_CHECKPOINT_EVERY_S", 0.0)
    whole, interrupted = tmp_path / "whole", tmp_path / "interrupted"
    assert main(command(whole, moods, tiny_base)) == 0
    Interrupting(monkeypatch, at_step=step)
    assert main(command(interrupted, moods, tiny_base)) == ExitCode.INTERRUPTED
    assert "run the same command again to resume" in capsys.readouterr().err
    assert main(command(interrupted, moods, tiny_base)) == 0
    assert f"resuming from the checkpoint after {step // 15} epochs and {step % 15} steps" in capsys.readouterr().err
    assert logits(interrupted) == logits(whole)


def test_a_run_with_other_arguments_does_not_use_the_checkpoint(
    tmp_path: Path, moods: str, tiny_base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Interrupting(monkeypatch, at_step=20)
    run, fresh = tmp_path / "run", tmp_path / "fresh"
    assert main(command(run, moods, tiny_base)) == ExitCode.INTERRUPTED
    assert main(command(run, moods, tiny_base, "--seed", "5")) == 0
    assert "the checkpoint is of a run with other arguments" in capsys.readouterr().err
    assert main(command(fresh, moods, tiny_base, "--seed", "5")) == 0
    assert logits(run) == logits(fresh)


def test_a_damaged_checkpoint_is_reported_and_the_run_starts_from_the_first_epoch(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    checkpoint_of(run).write_bytes(b"half a file")
    assert main(command(run, moods, tiny_base)) == 0
    assert "checkpoint cannot be read" in capsys.readouterr().err
    assert not checkpoint_of(run).exists()


def test_a_full_disk_gives_one_line(
    tmp_path: Path, moods: str, tiny_base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.learn.checkpoint.torch.save", full)
    assert main(command(tmp_path / "run", moods, tiny_base)) == 2
    assert "the checkpoint cannot be written (No space left on device); free disk space" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "moods"]
