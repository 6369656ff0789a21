"""The page of `explain`: one HTML file that needs no network; only the attention needs JavaScript.

Every text in the page is escaped by `html.escape`, or is part of JSON in which no tag can begin.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

import numpy as np

from training.explain.explanation import Explanation, signed

MAX_TOKENS_WITH_ATTENTION: Final = 128
"""With longer texts the attention, which grows with the square of the length, makes the page too large to open."""

_STYLE: Final = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_SCRIPT: Final = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
_LARGE_GAP: Final = 0.05
"""Largest completeness gap without a warning, as a share of the difference of the logits: one part in twenty."""


def explanation_page(explanations: Sequence[Explanation], *, model_id: str, max_tokens: int) -> str:
    """Return the page as HTML; `max_tokens` is the length at which the model cuts texts."""
    articles = "\n".join(
        _article(explanation, number, max_tokens) for number, explanation in enumerate(explanations, start=1)
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_policy()}">
<title>Why these labels? {escape(model_id)}</title>
<style>
{_STYLE}</style>
</head>
<body>
<header>
<h1>Why these labels?</h1>
<p>Explanations of model <code>{escape(model_id)}</code>, computed from its full-precision weights.</p>
{_contents(explanations)}
</header>
<main>
{articles}
</main>
<footer>
<h2 id="reading">How to read this page</h2>
{_READING}
</footer>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _policy() -> str:
    """Return a policy that allows no request and no script other than page.js."""
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def _contents(explanations: Sequence[Explanation]) -> str:
    if len(explanations) == 1:
        return ""
    items = "\n".join(
        f'<li><a href="#text-{number}">{escape(one.prediction)}: <span dir="auto" lang="">{escape(one.text)}</span></a>'
        for number, one in enumerate(explanations, start=1)
    )
    return f'<nav aria-label="Texts"><ol>\n{items}\n</ol></nav>'


def _article(explanation: Explanation, number: int, max_tokens: int) -> str:
    cut = (
        f"<p>This text is longer than {max_tokens} tokens: the model does not read the rest.</p>"
        if explanation.is_cut
        else ""
    )
    return f"""<article id="text-{number}" aria-labelledby="heading-{number}">
<h2 id="heading-{number}">Text {number}: {escape(explanation.prediction)}</h2>
<blockquote dir="auto" lang="">{escape(explanation.text)}</blockquote>
{cut}
<h3>Scores</h3>
{_scores(explanation)}
<h3>Words for and against {escape(explanation.prediction)}</h3>
{_words(explanation)}
<h3>Attention</h3>
<p>Attention is not explanation: see <a href="#reading">how to read this page</a>.</p>
{_attention(explanation, number)}
</article>"""


def _scores(explanation: Explanation) -> str:
    rows = "\n".join(
        f'<tr><th scope="row">{escape(label)}</th><td><div><span class="track">'
        f'<span style="width:{score:.2%}"></span></span>{score:.1%}</div></td></tr>'
        for label, score in sorted(explanation.scores.items(), key=lambda pair: -pair[1])
    )
    return f'<table class="scores"><caption class="unseen">Score of each label</caption>\n{rows}\n</table>'


# Words.


def _words(explanation: Explanation) -> str:
    """Return the words in reading order, each with its attribution as a number and as a colour."""
    largest = max(abs(value) for _, value in explanation.words) or 1.0
    items = "\n".join(_word(word, value, largest) for word, value in explanation.words)
    return f"""<ol class="words" dir="auto" lang="">
{items}
</ol>
<p class="legend" aria-hidden="true"><span>{signed(-largest)} against</span><span class="ramp"></span>\
<span>for {signed(largest)}</span></p>
{_sum(explanation)}"""


def _word(word: str, value: float, largest: float) -> str:
    side = "for" if value > 0 else "against"
    return (
        f'<li class="{side}" style="--strength:{abs(value) / largest:.3f}" title="{signed(value)} {side}">'
        f"<span>{escape(word)}</span> <small>{signed(value)}</small></li>"
    )


def _sum(explanation: Explanation) -> str:
    found = explanation.attributions
    total, gain, gap = float(found.of_tokens.sum()), found.logit - found.baseline_logit, found.completeness_gap
    warning = (
        " <strong>The error is more than a twentieth of the difference: the attributions are not exact.</strong>"
        if abs(gap) > _LARGE_GAP * abs(gain)
        else ""
    )
    return (
        f"<p>Sum of the attributions: {signed(total)}. Logit of {escape(explanation.prediction)}: "
        f"{signed(found.baseline_logit)} for padding alone, {signed(found.logit)} for this text, difference "
        f"{signed(gain)}. Error of the finite steps: {signed(gap, 3)}.{warning}</p>"
    )


# Attention.


def _attention(explanation: Explanation, number: int) -> str:
    layers, heads, tokens, _ = explanation.attention.shape
    if tokens > MAX_TOKENS_WITH_ATTENTION:
        return f"<p>This text has {tokens} tokens, too many for this page; the pictures show all tokens.</p>"
    strongest = int(np.argmax(explanation.attributions.of_tokens))
    radios = "\n".join(
        _token(token, place, number, place == strongest) for place, token in enumerate(explanation.tokens)
    )
    layer_options = _options([(str(layer), f"{layer + 1}") for layer in range(layers)], chosen=str(layers - 1))
    head_options = _options([("mean", "mean of all"), *((str(head), f"{head + 1}") for head in range(heads))], "mean")
    return f"""<noscript><p>This part needs JavaScript; the pictures in the same folder show the same.</p></noscript>
<section class="attention" aria-label="Attention of text {number}" hidden>
<p class="controls"><label>Layer <select class="layer">{layer_options}</select></label>
<label>Head <select class="head">{head_options}</select></label></p>
<fieldset><legend>Choose a token: the shades show its attention to each token</legend>
<div class="tokens" dir="auto" lang="">
{radios}
</div></fieldset>
<p class="summary" role="status"></p>
<div class="map" role="region" tabindex="0" aria-label="Map of all tokens of text {number}"></div>
<script type="application/json">{_weights(explanation)}</script>
</section>"""


def _token(token: str, place: int, number: int, is_chosen: bool) -> str:
    checked = " checked" if is_chosen else ""
    return (
        f'<label><input type="radio" class="unseen" name="token-{number}" value="{place}"{checked}>'
        f'<span>{escape(token)}</span> <small aria-hidden="true"></small></label>'
    )


def _options(options: Sequence[tuple[str, str]], chosen: str) -> str:
    return "".join(
        f'<option value="{value}"{" selected" if value == chosen else ""}>{text}</option>' for value, text in options
    )


def _weights(explanation: Explanation) -> str:
    """Return JSON: the tokens, and [layers, heads, tokens, tokens] in 255ths as base64 of bytes in C order."""
    layers, heads, *_ = explanation.attention.shape
    weights = base64.b64encode((explanation.attention * 255).round().astype(np.uint8).tobytes()).decode()
    data = {"tokens": explanation.tokens, "layers": layers, "heads": heads, "weights": weights}
    return json.dumps(data).replace("<", "\\u003c")


_READING: Final = """<dl>
<dt>Scores</dt>
<dd>The softmax of the logits, divided by the temperature that was fitted on validation. A worker on a CPU runs an int8
copy of the model, whose scores differ a little.</dd>
<dt>Words for and against the label</dt>
<dd>Integrated gradients (<a href="https://arxiv.org/abs/1703.01365">Sundararajan et al. 2017</a>) over the words of the
normalised text. An attribution is the part of the label's logit that a word adds on a straight line from a baseline, in
which every word is padding, to this text. The sum of the attributions is the difference between the two logits.
Attributions are relative to the baseline and to this text: the same word may have another effect in another text.</dd>
<dt>Attention</dt>
<dd><strong>Attention is not explanation</strong> (<a href="https://arxiv.org/abs/1902.10186">Jain and Wallace
2019</a>). Attention shows between which tokens a head moves information, not what the label depends on. Very different
attention can give the same label. A head that attends only to [CLS] or [SEP] often has no function in this text.</dd>
</dl>"""
