"""Every number, label and text of a model folder is checked: a wrong one is one line and exit code 3."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.model_folders import MAX_TOKENS, sign, write_folder, write_word_folder
from tests.training.explained import model_folder
from tweets.emotions import EMOTIONS
from worker.__main__ import main
from worker.errors import ExitCode, FatalError
from worker.inference.classifier import load_classifier
from worker.inference.model_folder import open_model_folder
from worker.inference.token_batch import TokenBatch

NO_NUMBERS: list[Any] = [math.nan, math.inf, -math.inf, "1.0", None, True, [1.0], {"value": 1.0}]
DEEP = "[" * 100_000


def refused(path: Path, *, engine: str | None = None) -> str:
    """Load the folder, and return the line with which it is refused."""
    with pytest.raises(FatalError) as caught:
        load_classifier(path, device="cpu", engine=engine)
    assert caught.value.exit_code is ExitCode.MODEL
    message = str(caught.value)
    assert message.startswith(f"MODEL_PATH={path}: ")
    assert "\n" not in message
    assert len(message) < 1000
    return message


def with_text(path: Path, name: str, text: str) -> Path:
    (path / name).write_text(text)
    sign(path)
    return path


@pytest.mark.parametrize("temperature", [*NO_NUMBERS, 0, 0.0, -1.0, 1e-300, 1e300, 10**400], ids=lambda v: str(v)[:20])
def test_a_temperature_that_is_no_usable_number_is_refused(tmp_path: Path, temperature: Any) -> None:
    assert "temperature" in refused(write_folder(tmp_path, config={"temperature": temperature}))


@pytest.mark.parametrize("temperature", [1, 0.25, 4.0])
def test_a_temperature_of_training_is_served(tmp_path: Path, temperature: float) -> None:
    path = write_folder(tmp_path, config={"temperature": temperature})
    assert open_model_folder(path).temperature == temperature


@pytest.mark.parametrize("max_tokens", [*NO_NUMBERS, 0, -1, 2, 12.5, 10**9, 10**400], ids=lambda v: str(v)[:20])
def test_a_token_limit_that_is_no_usable_number_is_refused(tmp_path: Path, max_tokens: Any) -> None:
    assert "max_tokens" in refused(write_folder(tmp_path, config={"max_tokens": max_tokens}))


def test_a_token_limit_beyond_the_positions_of_the_configuration_is_refused(tmp_path: Path) -> None:
    config = {"max_tokens": 129, "max_position_embeddings": 128}
    assert "max_tokens is 129, and must be from 3 to 128" in refused(write_folder(tmp_path, config=config))


@pytest.mark.parametrize("positions", NO_NUMBERS, ids=str)
def test_positions_that_are_no_whole_number_are_refused(tmp_path: Path, positions: Any) -> None:
    path = write_folder(tmp_path, config={"max_position_embeddings": positions})
    if positions is None:  # as in a configuration without the field
        assert open_model_folder(path).max_tokens == MAX_TOKENS
    else:
        assert "max_position_embeddings" in refused(path)


def test_a_torch_model_with_fewer_positions_than_tokens_is_refused_although_its_configuration_names_none(
    tmp_path: Path,
) -> None:
    path = model_folder(tmp_path / "model", max_tokens=65)
    config = json.loads((path / "config.json").read_text())
    assert config.pop("max_position_embeddings") == 64
    with_text(path, "config.json", json.dumps(config))
    assert "weights cannot be loaded" in refused(
        path, engine="torch"
    )  # those of 64 positions into the 512 of a default


def test_an_onnx_model_with_fewer_positions_than_tokens_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Short:
        name, device = "short", "cpu"

        def logits(self, tokens: TokenBatch) -> Any:
            raise IndexError(f"position {tokens.lengths.max() - 1} of 8")

    monkeypatch.setattr("worker.inference.classifier._engine", lambda *_, **__: Short())
    assert f"cannot read max_tokens={MAX_TOKENS} tokens (IndexError: position 11 of 8)" in refused(
        write_folder(tmp_path)
    )


LABEL_MAPS: list[Any] = [
    {},
    [],
    list(EMOTIONS),
    {"0": "joy", "1": "joy"},
    {"0": "joy", "2": "love"},
    {"1": "joy", "2": "love"},
    {"0": "joy", "01": "love"},
    {"0": "joy", "1": 7},
    {"0": "joy", "1": None},
    {"0": "joy", "1": ""},
    {"0": "joy", "1": " "},
    {"0": "joy", "1": "lo\nve"},
    {"0": "joy", "1": "lo\x00ve"},
    {"0": "joy", "1": "half \ud800"},
    {"0": "joy", "1": ["love"]},
    {"0": "joy", "1": {"name": "love"}},
]


@pytest.mark.parametrize("names", LABEL_MAPS, ids=ascii)
def test_a_label_map_that_does_not_name_each_output_once_is_refused(tmp_path: Path, names: Any) -> None:
    values = list(names.values()) if isinstance(names, dict) else list(names)
    scores = {value: 0.5 for value in values if isinstance(value, str)}
    golden = [{"text": "i feel fine", "scores": scores}]
    refused(write_folder(tmp_path, config={"id2label": names}, golden=golden))


def test_the_refusal_names_a_label_that_two_outputs_have(tmp_path: Path) -> None:
    names = {"0": "joy", "1": "anger", "2": "joy"}
    assert "two outputs have the label 'joy'" in refused(write_folder(tmp_path, config={"id2label": names}))


@pytest.mark.parametrize("model_id", [None, 7, "", "two\nlines", "\x1b[31mred", "half \ud800", ["id"]], ids=ascii)
def test_a_model_id_that_is_no_name_is_refused(tmp_path: Path, model_id: Any) -> None:
    assert "model_id" in refused(write_folder(tmp_path, config={"model_id": model_id}))


@pytest.mark.parametrize("tolerance", [*NO_NUMBERS, -0.1, 1.5, 1e300], ids=str)
def test_a_tolerance_that_would_accept_or_refuse_everything_is_refused(tmp_path: Path, tolerance: Any) -> None:
    golden = {"tolerance": tolerance, "texts": [{"text": "a", "scores": dict.fromkeys(EMOTIONS, 1 / 6)}]}
    assert "tolerance" in refused(with_text(write_folder(tmp_path), "golden.json", json.dumps(golden)))


@pytest.mark.parametrize("score", [*NO_NUMBERS, -0.1, 1.1], ids=str)
def test_a_golden_score_that_is_no_probability_is_refused(tmp_path: Path, score: Any) -> None:
    golden = [{"text": "i feel fine", "scores": dict.fromkeys(EMOTIONS, score)}]
    assert "golden score" in refused(write_folder(tmp_path, golden=golden))


@pytest.mark.parametrize("text", [None, 7, ["i feel fine"]], ids=str)
def test_a_golden_text_that_is_no_string_is_refused(tmp_path: Path, text: Any) -> None:
    golden = [{"text": text, "scores": dict.fromkeys(EMOTIONS, 1 / 6)}]
    refused(write_folder(tmp_path, golden=golden))


@pytest.mark.parametrize("scale", [1e300, 10**10])
def test_a_calibration_whose_products_could_overflow_is_refused(tmp_path: Path, scale: float) -> None:
    path = write_word_folder(tmp_path, neutral={"scale": 1.0, "shift": 0.0})
    config = json.loads((path / "config.json").read_text()) | {"neutral": {"scale": scale, "shift": 0.0}}
    assert "neutral.scale" in refused(with_text(path, "config.json", json.dumps(config)))


@pytest.mark.parametrize("name", ["config.json", "golden.json", "tokenizer.json"])
@pytest.mark.parametrize(
    "text",
    [DEEP, '{"a":' * 100_000, '{"texts": ' + DEEP, '{"id2label": ' + DEEP, '{"n": ' + "9" * 5000 + "}", "\ufeff{}"],
    ids=["arrays", "objects", "golden texts", "label map", "a number of 5,000 digits", "byte order mark"],
)
def test_json_that_python_cannot_parse_is_refused(tmp_path: Path, name: str, text: str) -> None:
    refused(with_text(write_folder(tmp_path), name, text))


@pytest.mark.parametrize("name", ["config.json", "golden.json"])
def test_json_of_more_than_a_mebibyte_is_not_parsed(tmp_path: Path, name: str) -> None:
    path = write_folder(tmp_path)
    text = (path / name).read_text()
    assert f"{name} has more than 1048576 bytes" in refused(with_text(path, name, text + " " * 1_048_576))


@pytest.mark.parametrize(
    "changes",
    [
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
        {"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}}],
                            "pair": [], "special_tokens": {}}},
        {"normalizer": {"type": "Replace", "pattern": {"Regex": "("}, "content": ""}},
    ],
    ids=["panic at the start", "panic at a text", "regular expression"],
)  # fmt: skip
def test_a_tokenizer_on_which_its_library_panics_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = write_folder(tmp_path)
    tokenizer = json.loads((path / "tokenizer.json").read_text()) | changes
    assert "tokenizer.json" in refused(with_text(path, "tokenizer.json", json.dumps(tokenizer)))


@pytest.mark.parametrize("config", [{"temperature": 0}, {"temperature": math.nan}, {"max_tokens": 10**9}], ids=str)
def test_a_program_ends_with_exit_code_3_and_one_line(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL_PATH", str(write_folder(tmp_path / "model", config=config)))
    assert main(["classify", "so happy"]) == ExitCode.MODEL
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
