"""`explain`: scores, attributions and attention are those of the model, for any text."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.training.explained import HEADS, LAYERS, MakeModel, explanation_of
from training.__main__ import main
from training.explain.explanation import open_explainer, signed
from training.output.manifest import write_manifest
from worker.inference.classifier import load_classifier

# The command.


def test_the_command_writes_report_page_and_pictures(
    tmp_path: Path, make_model: MakeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out" / "explained"
    arguments = ["explain", "--model", str(make_model()), "--output", str(output)]
    assert main([*arguments, "I feel SO sunny!", "furious... rage"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["output"] == str(output)
    assert len(summary["pictures"]) == 6
    assert {path.name for path in output.iterdir()} == {
        *summary["pictures"],
        "report.json",
        "explain.html",
        "SHA256SUMS",
    }
    assert all((output / name).read_bytes().startswith(b"\x89PNG") for name in summary["pictures"])

    report = json.loads((output / "report.json").read_text())
    first, second = report["texts"]
    assert (first["text"], first["read_as"]) == ("I feel SO sunny!", "i feel so sunny")
    assert first["tokens"] == ["[CLS]", "i", "feel", "so", "sunny", "[SEP]"]
    assert summary["predictions"] == [first["prediction"], second["prediction"]]
    gained = first["logit"] - first["baseline_logit"]
    assert sum(first["attributions"]) - gained == pytest.approx(first["completeness_gap"], abs=1e-4)

    assert main([*arguments, "so glad"]) == 0
    pictures = json.loads(capsys.readouterr().out.splitlines()[-1])["pictures"]
    assert {path.name for path in output.glob("*.png")} == set(pictures)  # the pictures of the second text are removed


def test_without_a_text_three_tweets_of_the_sample_are_explained(tmp_path: Path, make_model: MakeModel) -> None:
    output = tmp_path / "explained"
    assert main(["explain", "--model", str(make_model(max_tokens=8)), "--output", str(output)]) == 0
    report = json.loads((output / "report.json").read_text())
    assert len(report["texts"]) == 3


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (["so glad", " \n"], "text 2 is blank"),
        (["so glad", ""], "text 2 is blank"),
        (["glad"] * 21, "at most 20"),
        (["glad \udcff"], "not UTF-8"),
    ],
)
def test_texts_that_cannot_be_explained_give_one_line(
    tmp_path: Path, make_model: MakeModel, capsys: pytest.CaptureFixture[str], texts: list[str], complaint: str
) -> None:
    output = tmp_path / "explained"
    assert main(["explain", "--model", str(make_model()), "--output", str(output), *texts]) == 2
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert not output.exists()


def test_a_text_without_tokens_is_named(
    tmp_path: Path, make_model: MakeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--model", str(make_model(normalizer="none")), "--output", str(tmp_path / "explained")]
    assert main(["explain", *where, "\u200b"]) == 2
    assert "no tokens in this text" in capsys.readouterr().err


def without_weights(model: Path) -> None:
    (model / "model.safetensors").rename(model / "model.int8.onnx")
    write_manifest(model)


def with_broken_weights(model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"none")
    write_manifest(model)


def damaged(model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"none")


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (without_weights, "has no model.safetensors"),
        (with_broken_weights, "cannot be loaded"),
        (damaged, "does not have the SHA-256"),
    ],
)
def test_a_folder_that_cannot_be_used_gives_one_line(
    tmp_path: Path,
    make_model: MakeModel,
    capsys: pytest.CaptureFixture[str],
    harm: Callable[[Path], None],
    complaint: str,
) -> None:
    model = make_model()
    harm(model)
    assert main(["explain", "--model", str(model), "--output", str(tmp_path / "explained"), "so glad"]) == 2
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert str(model) in captured.err
    assert captured.err.count("\n") == 1


def test_an_output_that_is_a_file_is_named(
    tmp_path: Path, make_model: MakeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    assert main(["explain", "--model", str(make_model()), "--output", str(taken), "so glad"]) == 2
    assert f"{taken}: cannot be written" in capsys.readouterr().err
    assert taken.read_text() == "mine"


# The explanation of a text.


def test_the_scores_are_those_that_the_worker_computes_from_the_same_weights(make_model: MakeModel) -> None:
    model = make_model()
    texts = ["I feel SO sunny!", "http://t.co/x", "rage " * 30]
    served = load_classifier(model, device="cpu", engine="torch").classify(texts)
    explainer = open_explainer(model)
    for text, expected in zip(texts, served, strict=True):
        found = explainer.explain(text)
        assert found.prediction == expected.emotion
        assert found.scores == pytest.approx(expected.scores, abs=1e-5)


def test_word_pieces_are_joined_and_their_attributions_added(make_model: MakeModel) -> None:
    found = explanation_of(make_model(normalizer="none"), "Gladly, so")
    assert found.tokens == ("[CLS]", "glad", "##l", "##y", "[UNK]", "so", "[SEP]")
    assert [word for word, _ in found.words] == ["Gladly", ",", "so"]
    pieces = found.attributions.of_tokens
    sums = [pieces[1:4].sum(), pieces[4], pieces[5]]
    assert [value for _, value in found.words] == pytest.approx(sums)
    assert sum(value for _, value in found.words) == pytest.approx(pieces.sum())


def test_attention_has_every_layer_head_and_token(make_model: MakeModel) -> None:
    found = explanation_of(make_model(), "i feel so sunny")
    assert found.attention.shape == (LAYERS, HEADS, 6, 6)
    assert np.allclose(found.attention.sum(axis=-1), 1, atol=1e-5)
    assert found.attention[0, 0].std() > 0


def test_numbers_have_a_sign_unless_they_round_to_zero() -> None:
    assert [signed(value) for value in (1.5, -0.25, 0.001, -0.001)] == ["+1.50", "\N{MINUS SIGN}0.25", "0.00", "0.00"]


# The pictures.


@pytest.mark.parametrize("text", ["$x_1$ is $", "rage " * 40, "a", "это мир"])
def test_any_text_can_be_drawn(tmp_path: Path, make_model: MakeModel, text: str) -> None:
    where = ["--model", str(make_model(normalizer="none", max_tokens=50)), "--output", str(tmp_path / "explained")]
    assert main(["explain", *where, text]) == 0
