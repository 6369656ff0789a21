"""A model folder is served only if it is complete and unchanged."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.model_folders import sign, write_folder
from tweets.emotions import EMOTIONS
from worker.errors import ExitCode, FatalError
from worker.inference.model_folder import open_model_folder


def _refused(path: Path) -> str:
    with pytest.raises(FatalError) as caught:
        open_model_folder(path)
    assert caught.value.exit_code is ExitCode.MODEL
    message = str(caught.value)
    assert message.startswith(f"MODEL_PATH={path}: ")
    assert "\n" not in message
    return message


def test_a_whole_folder_describes_its_model(tmp_path: Path) -> None:
    folder = open_model_folder(write_folder(tmp_path))
    assert (folder.model_id, folder.labels, folder.normalizer) == ("tiny-1", EMOTIONS, "tweet-v1")
    assert (folder.temperature, folder.max_tokens) == (1.0, 12)
    assert folder.golden.texts == ["i feel fine"]


def test_labels_are_in_the_order_of_their_ids(tmp_path: Path) -> None:
    labels = {str(number): f"l{number}" for number in range(12)}
    shuffled = dict(sorted(labels.items(), reverse=True))
    golden = [{"text": "i feel fine", "scores": dict.fromkeys(labels.values(), 1 / 12)}]
    path = write_folder(tmp_path, config={"id2label": shuffled}, golden=golden)
    assert open_model_folder(path).labels == tuple(labels.values())


def test_the_error_of_a_missing_folder_names_the_remedy(tmp_path: Path) -> None:
    assert "set MODEL_PATH" in _refused(tmp_path / "nothing")


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("x")
    assert "no such folder" in _refused(tmp_path / "model")


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    path = write_folder(tmp_path)
    (path / "SHA256SUMS").unlink()
    assert "no SHA256SUMS" in _refused(path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "golden.json", "model.int8.onnx"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    path = write_folder(tmp_path)
    (path / name).unlink()
    assert f"{name} is missing" in _refused(path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "golden.json", "model.int8.onnx"])
def test_a_changed_file_is_named(tmp_path: Path, name: str) -> None:
    path = write_folder(tmp_path)
    with (path / name).open("ab") as file:
        file.write(b" ")
    assert f"{name} does not have the SHA-256" in _refused(path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "golden.json"])
def test_a_file_that_the_manifest_leaves_out_is_not_trusted(tmp_path: Path, name: str) -> None:
    path = write_folder(tmp_path)
    lines = (path / "SHA256SUMS").read_text().splitlines(keepends=True)
    (path / "SHA256SUMS").write_text("".join(line for line in lines if name not in line))
    assert name in _refused(path)


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = write_folder(tmp_path)
    (path / "SHA256SUMS").write_bytes(b"\xff\xfe\x00")
    _refused(path)


def test_an_unknown_normalizer_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    assert "needs the normalizer tweet-v9, this worker has none, tweet-v1" in _refused(
        write_folder(tmp_path, config={"normalizer": "tweet-v9"})
    )


@pytest.mark.parametrize(
    "config",
    [
        {"id2label": None},
        {"id2label": {"1": "joy"}},
        {"temperature": "warm"},
        {"max_tokens": None},
        {"normalizer": ["tweet-v1"]},
    ],
    ids=str,
)
def test_a_description_that_cannot_be_read_is_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    _refused(write_folder(tmp_path, config=config))


_DAMAGED = ["", "[]", "null", "{", "{}", '{"texts": [[]]}', '{"tolerance": 1, "texts": [{"text": "a", "scores": []}]}']


@pytest.mark.parametrize("name", ["config.json", "golden.json"])
@pytest.mark.parametrize("content", _DAMAGED)
def test_a_damaged_description_with_a_fresh_manifest_is_refused(tmp_path: Path, name: str, content: str) -> None:
    path = write_folder(tmp_path)
    (path / name).write_text(content)
    sign(path)
    _refused(path)


def test_a_description_without_its_model_id_is_refused(tmp_path: Path) -> None:
    path = write_folder(tmp_path)
    config = json.loads((path / "config.json").read_text())
    del config["model_id"]
    (path / "config.json").write_text(json.dumps(config))
    sign(path)
    assert "model_id" in _refused(path)
