"""The page of `explain`: it is complete, and no text becomes markup."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from tests.training.explained import HEADS, LAYERS, MakeModel, explanation_of
from training.explain.explanation import Explanation, signed
from training.explain.page import explanation_page


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


def test_the_page_names_a_text_that_is_longer_than_the_models_limit(make_model: MakeModel) -> None:
    model = make_model()
    cut, whole = explanation_of(model, "rage " * 15), explanation_of(model, "rage " * 14)
    assert (len(cut.tokens), cut.is_cut) == (16, True)
    assert (len(whole.tokens), whole.is_cut) == (16, False)
    assert "longer than 16 tokens" in Parsed(page_of(cut)).text
    assert "longer than" not in Parsed(page_of(whole)).text


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


def test_the_page_warns_if_the_attributions_do_not_add_up(make_model: MakeModel) -> None:
    found = explanation_of(make_model(), "so glad")
    assert "the attributions are not exact" not in page_of(found)
    found.attributions.of_tokens[1] += 1
    assert "the attributions are not exact" in page_of(found)


def test_attention_of_a_very_long_text_is_left_to_the_pictures(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.explain.page.MAX_TOKENS_WITH_ATTENTION", 3)
    parsed = Parsed(page_of(explanation_of(make_model(), "so glad")))
    assert parsed.data() == []
    assert "the pictures show all tokens" in parsed.text
