"""What `explain` says about a text is what the model does, and no text breaks its page."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.moods import distilbert, word_pieces
from training.__main__ import main
from training.explain.explanation import Explanation, open_explainer, signed
from training.explain.page import explanation_page
from training.export.manifest import write_manifest
from training.output.json_file import write_json
from worker.classifier import load_classifier

LABELS = ("glad", "low", "cross")
LAYERS, HEADS = 2, 4
MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Write a model folder of random weights; `fields` replace some of the configuration."""

    def make(**fields: Any) -> Path:
        folder, tokenizer = tmp_path / "model", word_pieces()
        sizes = {"dim": 32, "hidden_dim": 64, "n_layers": LAYERS, "n_heads": HEADS, "max_position_embeddings": 64}
        model = distilbert(vocab_size=tokenizer.get_vocab_size(), num_labels=3, initializer_range=0.3, **sizes)
        model.save_pretrained(folder)
        tokenizer.save(str(folder / "tokenizer.json"))
        config = json.loads((folder / "config.json").read_text())
        served = {"model_id": "tiny-1", "normalizer": "tweet-v1", "temperature": 2.0, "max_tokens": 16}
        names = {str(number): label for number, label in enumerate(fields.pop("labels", LABELS))}
        write_json(folder / "config.json", {**config, **served, "id2label": names, **fields})
        golden = {"text": "so glad", "scores": dict.fromkeys(names.values(), 0.0)}
        write_json(folder / "golden.json", {"tolerance": 1.0, "texts": [golden]})
        write_manifest(folder, "SHA256SUMS")
        return folder

    return make


def explanation_of(model: Path, text: str) -> Explanation:
    return open_explainer(model).explain(text)


def page_of(*explanations: Explanation) -> str:
    return explanation_page(explanations, model_id="tiny-1", max_tokens=16)


class Parsed(HTMLParser):
    """A page's elements, its text outside of scripts and styles, and its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[tuple[str | None, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            kind, so_far = self.scripts[-1]
            self.scripts[-1] = (kind, so_far + data)
        elif self.cdata_elem is None:
            self.text += data

    def data(self) -> list[dict[str, Any]]:
        return [json.loads(text) for kind, text in self.scripts if kind == "application/json"]


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
    assert {path.name for path in output.iterdir()} == {*summary["pictures"], "report.json", "explain.html"}
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
    assert {path.name for path in output.glob("*.png")} == set(pictures)  # none is left of the text that is gone


def test_without_a_text_three_of_the_sample_are_explained(tmp_path: Path, make_model: MakeModel) -> None:
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


def test_a_text_of_which_the_tokenizer_leaves_nothing_is_named(
    tmp_path: Path, make_model: MakeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--model", str(make_model(normalizer="none")), "--output", str(tmp_path / "explained")]
    assert main(["explain", *where, "\u200b"]) == 2
    assert "finds nothing to read" in capsys.readouterr().err


def without_weights(model: Path) -> None:
    (model / "model.safetensors").rename(model / "model.int8.onnx")
    write_manifest(model, "SHA256SUMS")


def with_broken_weights(model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"none")
    write_manifest(model, "SHA256SUMS")


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


# What is said about a text.


def test_the_scores_are_those_that_the_worker_computes_from_the_same_weights(make_model: MakeModel) -> None:
    model = make_model()
    texts = ["I feel SO sunny!", "http://t.co/x", "rage " * 30]
    served = load_classifier(model, device="cpu", engine="torch").classify(texts)
    explainer = open_explainer(model)
    for text, expected in zip(texts, served, strict=True):
        found = explainer.explain(text)
        assert found.prediction == expected.emotion
        assert found.scores == pytest.approx(expected.scores, abs=1e-5)


def test_word_pieces_are_put_together_and_their_attributions_added(make_model: MakeModel) -> None:
    found = explanation_of(make_model(normalizer="none"), "Gladly, so")
    assert found.tokens == ("[CLS]", "glad", "##l", "##y", "[UNK]", "so", "[SEP]")
    assert [word for word, _ in found.words] == ["Gladly", ",", "so"]
    pieces = found.attributions.of_tokens
    sums = [pieces[1:4].sum(), pieces[4], pieces[5]]
    assert [value for _, value in found.words] == pytest.approx(sums)
    assert sum(value for _, value in found.words) == pytest.approx(pieces.sum())


def test_attention_is_there_for_every_layer_head_and_token(make_model: MakeModel) -> None:
    found = explanation_of(make_model(), "i feel so sunny")
    assert found.attention.shape == (LAYERS, HEADS, 6, 6)
    assert np.allclose(found.attention.sum(axis=-1), 1, atol=1e-5)
    assert found.attention[0, 0].std() > 0


def test_a_text_longer_than_the_model_reads_is_cut_and_says_so(make_model: MakeModel) -> None:
    model = make_model()
    cut, whole = explanation_of(model, "rage " * 15), explanation_of(model, "rage " * 14)
    assert (len(cut.tokens), cut.is_cut) == (16, True)
    assert (len(whole.tokens), whole.is_cut) == (16, False)
    assert "longer than 16 tokens" in Parsed(page_of(cut)).text
    assert "longer than" not in Parsed(page_of(whole)).text


def test_numbers_have_a_sign_unless_they_round_to_zero() -> None:
    assert [signed(value) for value in (1.5, -0.25, 0.001, -0.001)] == ["+1.50", "\N{MINUS SIGN}0.25", "0.00", "0.00"]


# The page.

ATTACK = "<script>alert(1)</script>"


def test_no_text_and_no_label_becomes_markup(make_model: MakeModel) -> None:
    model = make_model(normalizer="none", labels=("<b>glad</b>", '"low"', "&cross;"))
    texts = [f"{ATTACK} & \"glad\" 'low'", "</script><!-- ]]> --><img src=x onerror=alert(1)>", "]]>\u2028 ${so}"]
    page = page_of(*(explanation_of(model, text) for text in texts))
    parsed = Parsed(page)
    assert [kind for kind, _ in parsed.scripts] == ["application/json"] * 3 + [None]
    assert not {"img", "b"} & {tag for tag, _ in parsed.elements}
    assert "alert(1)" not in "".join(text for _, text in parsed.scripts)
    for written in (*texts, "<b>glad</b>", '"low"', "&cross;"):
        assert written in parsed.text
    assert "<" in parsed.text


def test_a_token_that_looks_like_a_tag_stays_data(make_model: MakeModel) -> None:
    found = explanation_of(make_model(), "so glad")
    object.__setattr__(found, "tokens", ("[CLS]", ATTACK, "<!--", "[SEP]"))
    parsed = Parsed(page_of(found))
    assert len(parsed.scripts) == 2
    assert parsed.data()[0]["tokens"] == ["[CLS]", ATTACK, "<!--", "[SEP]"]


def test_the_page_loads_nothing_and_runs_only_its_own_script(make_model: MakeModel) -> None:
    page = page_of(explanation_of(make_model(), "so glad"))
    parsed = Parsed(page)
    assert not {"link", "iframe", "img", "object"} & {tag for tag, _ in parsed.elements}
    assert all("src" not in attributes for _, attributes in parsed.elements)
    assert not re.search(r"url\(|@import|fetch\(|innerHTML", page)
    digest = base64.b64encode(hashlib.sha256(parsed.scripts[-1][1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_the_page_holds_the_attention_of_every_head(make_model: MakeModel) -> None:
    found = explanation_of(make_model(), "i feel so sunny")
    (data,) = Parsed(page_of(found)).data()
    bytes_ = np.frombuffer(base64.b64decode(data["weights"]), dtype=np.uint8)
    assert (data["tokens"], data["layers"], data["heads"]) == (list(found.tokens), LAYERS, HEADS)
    assert np.allclose(bytes_.reshape(found.attention.shape) / 255, found.attention, atol=0.003)


def test_the_page_shows_scores_words_and_controls_without_a_script(make_model: MakeModel) -> None:
    found = explanation_of(make_model(), "I feel so sunny")
    parsed = Parsed(page_of(found))
    for label, score in found.scores.items():
        assert f"{label}{score:.1%}" in parsed.text
    for word, value in found.words:
        assert f"{word} {signed(value)}" in parsed.text
    assert "Attention is not explanation" in parsed.text
    assert sum(tag == "select" for tag, _ in parsed.elements) == 2
    tokens = [attributes for tag, attributes in parsed.elements if tag == "input"]
    assert [one["value"] for one in tokens] == [str(place) for place in range(len(found.tokens))]
    assert sum("checked" in one for one in tokens) == 1
    assert {tag for tag, _ in parsed.elements} >= {"main", "h1", "h2", "h3", "fieldset", "legend", "noscript"}


def test_the_page_warns_where_the_attributions_do_not_add_up(make_model: MakeModel) -> None:
    found = explanation_of(make_model(), "so glad")
    assert "take the numbers as rough" not in page_of(found)
    found.attributions.of_tokens[1] += 1
    assert "take the numbers as rough" in page_of(found)


def test_attention_of_a_very_long_text_is_left_to_the_pictures(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.explain.page.MOST_TOKENS_WITH_ATTENTION", 3)
    parsed = Parsed(page_of(explanation_of(make_model(), "so glad")))
    assert parsed.data() == []
    assert "its pictures have them all" in parsed.text


# The pictures.


@pytest.mark.parametrize("text", ["$x_1$ is $", "rage " * 40, "a", "это мир"])
def test_any_text_can_be_drawn(tmp_path: Path, make_model: MakeModel, text: str) -> None:
    where = ["--model", str(make_model(normalizer="none", max_tokens=50)), "--output", str(tmp_path / "explained")]
    assert main(["explain", *where, text]) == 0
