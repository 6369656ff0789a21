"""A model of the six emotions with a neutral output: `evaluate` gives the figures of metrics.json on every set."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from tests.training.mixed import write
from tests.training.moods import distilbert, word_pieces
from training.__main__ import main
from training.export.card import model_card
from tweets.emotions import EMOTIONS

WORDS = dict(zip(EMOTIONS, ("tears", "sunny", "great", "furious", "lonely", "down"), strict=True))
THEIRS = {"annoyance": "anger", "neutral": "neutral"} | {emotion: emotion for emotion in EMOTIONS}
ENDINGS = ("i", "feel", "so", "very", "today", "about", "this", "and", "the")
QUICK = ["--epochs", "2", "--learning-rate", "1e-2", "--batch-size", "16", "--r-drop", "0", "--ema-decay", "0.5"]
FILE = f"""
data:
  - path: tweets
  - path: comments
    labels: {json.dumps(THEIRS)}
"""


def rows_of(number: int, start: int) -> list[dict[str, Any]]:
    return [
        {"text": f"i feel {word} {_ending(n)}", "label": emotion}
        for n in range(start, start + number)
        for emotion, word in WORDS.items()
    ]


def _ending(number: int) -> str:
    """Return words that differ for each number, since the normaliser replaces numbers."""
    return " ".join(ENDINGS[number // place % 9] for place in (1, 9, 81))


def comments(number: int, start: int) -> list[dict[str, Any]]:
    labelled = [{"text": row["text"] + " the", "labels": [row["label"]]} for row in rows_of(number, start)]
    others = [("annoyance", "rage unfair"), ("neutral", "and the"), ("neutral", "this")]
    return labelled + [
        {"text": f"{word} {_ending(n)}", "labels": [label]}
        for n in range(start, start + number)
        for label, word in others
    ]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two data sets, their file, and a model that was trained on both."""
    folder = tmp_path_factory.mktemp("root")
    for name, make in (("tweets", rows_of), ("comments", comments)):
        write(folder / name, train=make(8, 0), validation=make(4, 100), test=make(4, 200))
    (folder / "data.yaml").write_text(FILE, encoding="utf-8")
    tokenizer = word_pieces()
    sizes = {"dim": 32, "hidden_dim": 64, "n_layers": 1, "n_heads": 4, "max_position_embeddings": 512}
    distilbert(vocab_size=tokenizer.get_vocab_size(), **sizes).save_pretrained(folder / "base")
    fast: Any = PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(folder / "base")
    where = ["--data", str(folder / "data.yaml"), "--data-root", str(folder), "--base", str(folder / "base")]
    made = ["--run", str(folder / "run"), "--model", str(folder / "model"), "--name", "tiny"]
    assert main(["train", *where, *made, *QUICK, "--vocabulary-rows", "0"]) == 0
    return folder


@pytest.fixture(scope="module")
def metrics(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "model" / "metrics.json").read_text(encoding="utf-8"))
    return found


def evaluated(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: str, *arguments: str
) -> dict[str, Any]:
    capsys.readouterr()
    command = ["evaluate", "--model", str(root / "model"), "--output", str(tmp_path / "out"), "--engine", engine]
    assert main([*command, "--resamples", "100", "--json", *arguments]) == 0
    summary: dict[str, Any] = json.loads(capsys.readouterr().out)
    return summary


@pytest.mark.parametrize(("engine", "name"), [("onnx", "int8"), ("torch", "fp32")])
@pytest.mark.parametrize(
    ("rows", "arguments"),
    [
        ("sample", ["--dataset", "sample"]),
        ("sample-dev", ["--dataset", "sample-dev"]),
        ("unusual-tweets", ["--dataset", "training/data/unusual_tweets.jsonl"]),
        ("comments-test", ["--dataset", "comments", "--data"]),
        (
            "comments-validation, same names",
            ["--dataset", "comments", "--same-names", "--split", "validation", "--data"],
        ),
    ],
)
def test_evaluate_gives_the_figures_of_the_metrics(
    root: Path,
    metrics: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rows: str,
    arguments: list[str],
    engine: str,
    name: str,
) -> None:
    where = [str(root / "data.yaml"), "--data-root", str(root)] if arguments[-1] == "--data" else []
    found = evaluated(root, tmp_path, capsys, engine, *arguments, *where)
    measured = metrics["sets"][rows][name]
    assert {figure: found[figure] for figure in measured} == measured
    assert found["neutral"]["threshold"] == metrics["neutral"]["threshold"]


def test_the_neutral_scores_of_the_data_set_itself_are_measured(
    root: Path, metrics: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluated(root, tmp_path, capsys, "onnx", "--dataset", str(root / "tweets"))
    assert found["neutral"] == metrics["scores"]["test"]["int8"]["neutral"]


def test_the_threshold_is_chosen_on_validation_and_development_rows(metrics: dict[str, Any]) -> None:
    chosen = metrics["neutral"]["chosen_on"]
    assert list(chosen) == ["validation", "sample-dev", "comments-validation, same names"]
    threshold = metrics["neutral"]["threshold"]
    assert threshold is None or all(one["lost"] <= one["max_lost"] for one in chosen.values())


def test_the_training_rows_are_counted_by_label(metrics: dict[str, Any]) -> None:
    tweets, of_comments = metrics["training_rows"]["parts"]
    assert tweets["labels"] == dict.fromkeys(EMOTIONS, 8)
    assert of_comments["labels"] == {**dict.fromkeys(EMOTIONS, 8), "anger": 16, "neutral": 16}
    assert metrics["training_rows"]["left_out"] == {}


def test_the_card_has_the_tables_and_quotes_only_the_project_s_own_tweets(root: Path, metrics: dict[str, Any]) -> None:
    card = (root / "model" / "README.md").read_text(encoding="utf-8")
    for section in ("Other texts", "Neutral", "Kinds of text", "Most confident mistakes"):
        assert f"\n## {section}\n" in card
    assert "## Targets" not in card
    assert "Training rows of `comments`: 72 (weight 1, ratio 1): sadness 8, joy 8" in card
    assert "Training rows left out, because another set has the same text after normalising: none." in card
    assert len(re.findall(r"\n- `sample-test-\d+`, labelled ", card)) == 10
    assert re.search(r"\| all capitals \| [\d.]+ \(\d+\) \|", card)
    assert re.search(r"other languages [\d.]+ \(8\d\)", card)
    assert re.search(r"above 0.35: sample [\d.]+% of 700, .*, other languages [\d.]+% of 108\.", card)
    assert "wrote and labelled both, without" in card
    assert "furious" not in card.split("## Most confident mistakes")[0]
    assert model_card(metrics, EMOTIONS) == card


def test_a_target_is_met_or_missed_or_left_out(metrics: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(metrics))
    changed["run"]["data"]["test"]["sha256"] = "16a9e090" + "0" * 56
    changed["scores"]["test"]["int8"]["accuracy"] = 0.95
    changed["sets"]["sample"]["int8"]["accuracy"] = 0.5
    card = model_card(changed, EMOTIONS)
    assert "- Accuracy on test: 0.9500. Target: at least 0.9320, met." in card
    assert "- Accuracy on sample: 0.5000. Target: at least 0.7500, **missed**." in card
    assert "goemotions" not in card.split("## Targets")[1].split("## ")[0]
