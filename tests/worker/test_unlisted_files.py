"""Files of a model folder that its manifest does not list are not read, whatever their name is."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.model_folders import sign, write_folder
from tests.training.explained import model_folder
from training.explain.explanation import open_explainer
from worker.errors import ExitCode, FatalError
from worker.inference.classifier import load_classifier

CODE = "raise SystemExit('this code must not run')\n"

_opened: set[str] | None = None


def _remember(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _opened is not None:
        _opened.add(str(arguments[0]))


sys.addaudithook(_remember)


@pytest.fixture
def opened() -> Iterator[set[str]]:
    """Collect the path of every file that Python opens."""
    global _opened  # noqa: PLW0603 - an audit hook cannot be removed
    _opened = set()
    yield _opened
    _opened = None


def load_with_torch(path: Path) -> None:
    load_classifier(path, device="cpu", engine="torch").classify(["so glad"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a model folder beside whose files lie others that transformers would find."""
    path = model_folder(tmp_path / "model", configuration_files=["config.4.0.0.json"])
    config = json.loads((path / "config.json").read_text())
    config["auto_map"] = {
        "AutoConfig": "configuration_mine.Mine",
        "AutoModelForSequenceClassification": "modeling_mine.Mine",
    }
    (path / "config.json").write_text(json.dumps(config))
    sign(path)
    later = {
        "config.4.0.0.json": json.dumps(config | {"n_layers": 1}),
        "adapter_config.json": '{"base_model_name_or_path": "../other"}',
        "special_tokens_map.json": '{"cls_token": "[X]"}',
        "added_tokens.json": '{"[X]": 3}',
        "generation_config.json": "{}",
        "configuration_mine.py": CODE,
        "modeling_mine.py": CODE,
        "pytorch_model.bin": "no weights",
        "model.safetensors.index.json": '{"weight_map": {}}',
    }
    for name, text in later.items():
        (path / name).write_text(text)
    return path


@pytest.mark.parametrize("load", [load_with_torch, open_explainer])
def test_transformers_reads_no_file_that_the_manifest_does_not_list(
    path: Path, opened: set[str], load: Callable[[Path], Any]
) -> None:
    load(path)
    listed = {line.split("  ")[1] for line in (path / "SHA256SUMS").read_text().splitlines()}
    read = {Path(name).name for name in opened if Path(name).parent == path}
    assert "config.json" in read
    assert read <= {*listed, "SHA256SUMS"}


def test_a_model_of_an_unknown_type_does_not_run_its_code(tmp_path: Path) -> None:
    path = model_folder(tmp_path / "model", model_type="mine", auto_map={"AutoConfig": "configuration_mine.Mine"})
    (path / "configuration_mine.py").write_text(CODE)
    with pytest.raises(FatalError) as caught:
        load_with_torch(path)
    assert caught.value.exit_code is ExitCode.MODEL
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("where", ["more.weights", "../more.weights"])
def test_a_graph_whose_weights_are_in_a_further_file_is_refused(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_folder(tmp_path / "model")
    graph = onnx.load(path / "model.int8.onnx")
    zeros = next(one for one in graph.graph.initializer if one.name == "zeros")
    (path / where).write_bytes(numpy_helper.to_array(zeros).astype(np.float32).tobytes())
    onnx.external_data_helper.set_external_data(zeros, where)
    zeros.ClearField("raw_data")
    (path / "model.int8.onnx").write_bytes(graph.SerializeToString())
    (path / where).rename(tmp_path / "kept")
    sign(path)
    (tmp_path / "kept").rename(path / where)
    monkeypatch.chdir(path)
    with pytest.raises(FatalError, match=r"model\.int8\.onnx cannot be loaded") as caught:
        load_classifier(path, device="cpu")
    assert caught.value.exit_code is ExitCode.MODEL
    assert "\n" not in str(caught.value)
