"""The benchmark of the torch engine, with tiny sizes on the CPU: what it counts, and what it prints."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu_engine import main
from benchmarks.torch_models import Shape, shape_of, write_random_model
from benchmarks.torch_processes import together
from worker.errors import ExitCode
from worker.inference.token_batch import TokenBatch
from worker.inference.torch_model import torch_model

TINY = ("--device", "cpu", "--texts", "40", "--shape", "2x32", "--matrix", "32", "--rounds", "2")


def measured(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*TINY, *arguments]) == ExitCode.OK
    result: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return result


def test_the_last_line_has_the_figures_of_both_models(capsys: pytest.CaptureFixture[str]) -> None:
    result = measured(capsys)
    assert (result["device"], result["texts"], result["processes"]) == ("cpu", 40, None)
    assert result["matrix_tera_operations_per_second"] >= 0
    assert {"versions", "hardware", "commit"} <= set(result)
    assert list(result["models"]) == ["bundled", "2x32"]
    for figures in result["models"].values():
        assert (figures["engine"], figures["rows"]) == ("torch-fp32", "packed")
        assert figures["tweets_per_second"] >= figures["tweets_per_second_median"] > 0
        assert figures["share_of_matrix_speed"] > 0
        assert {"matrix_products", "attention", "normalisation", "activation"} <= set(
            figures["stage_microseconds_per_tweet"]
        )
    bundled, tiny = result["models"].values()
    assert bundled["giga_operations_per_tweet"] > 100 * tiny["giga_operations_per_tweet"]


@pytest.mark.parametrize("lengths", [[1], [7, 3], [24, 1, 9]], ids=str)
def test_the_operations_are_those_that_transformers_computes_without_padding(
    tmp_path: Path, lengths: list[int]
) -> None:
    write_random_model(tmp_path, layers=2, units=32)
    model = torch_model(tmp_path, dtype=torch.float32, attention="eager")
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        for length in lengths:
            model(input_ids=torch.ones(1, length, dtype=torch.long))
    head = len(lengths) * 2 * (32 * 32 + 32 * 6)  # the layers after the last one, one row for each text
    counted = shape_of(tmp_path).operations(np.array(lengths, dtype=np.int32))
    assert counted + head == counter.get_total_flops()


def test_the_usual_model_needs_about_two_operations_for_each_weight_of_its_layers_and_token() -> None:
    usual = Shape(layers=6, units=768, inner_units=3072)
    assert usual.operations(np.array([1])) == pytest.approx(2 * 42.5e6, rel=0.01)


def test_several_processes_are_measured_together(tmp_path: Path) -> None:
    write_random_model(tmp_path, layers=1, units=32)
    assert together(2, tmp_path, "cpu", 64, TokenBatch.of([[2, 9, 3]] * 8), seconds=0.1) > 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--shape", "big"), "'big' is not layers x units"),
        (("--shape", "0x64"), "'0x64' is not layers x units"),
        (("--shape", "2x30"), "the units a multiple of 8"),
        (("--texts", "0"), "'0' is not a whole number"),
        (("--device", "tpu"), "invalid choice"),
    ],
)
def test_an_option_that_is_not_allowed_is_one_line(
    arguments: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == ExitCode.SETTINGS
    assert line in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--dataset", "no/such/folder/at all"), "no/such/folder/at all"),
        (("--device", "cuda"), "DEVICE=cuda: torch finds no GPU"),
    ],
)
def test_a_missing_data_set_or_gpu_is_one_line(
    arguments: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main([*TINY, *arguments]) == ExitCode.SETTINGS
    captured = capsys.readouterr()
    assert captured.out == ""
    (error,) = captured.err.splitlines()
    assert error.startswith("error: ")
    assert line in error


@pytest.mark.gpu
def test_a_gpu_is_measured_with_its_memory_and_its_stages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--texts", "8192", "--rounds", "2"]) == ExitCode.OK
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    for figures in result["models"].values():
        assert figures["engine"] == "torch-bf16"
        assert 0 < figures["share_of_matrix_speed"] < 1
        assert figures["peak_memory_mb"] > 0
        assert figures["stage_microseconds_per_tweet"]["matrix_products"] > 0
