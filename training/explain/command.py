"""`explain`: write attributions and attention of a model on some texts as pictures, a page and a report."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from training.explain.attribution import STEPS
from training.explain.explanation import Explainer, Explanation, open_explainer
from training.explain.page import explanation_page
from training.explain.pictures import draw_attributions, draw_heads, draw_last_layer
from training.output.errors import TrainingError
from training.output.json_file import write_json
from training.output.progress import progress, say
from training.output.report_folder import REPORT_FILE, prepare_report_folder, writing_report
from tweets.datasets import SAMPLE_DEV, read_rows

MAX_TEXTS: Final = 20
"""With more texts the page is too large to read and, with the attention of each text, too large to open."""
PAGE_FILE: Final = "explain.html"
_SAMPLE_TEXTS: Final = 3
"""Tweets of `sample-dev` that are explained if no text is given: enough to see what the page shows."""


def explain(texts: Sequence[str], model: Path, output: Path) -> dict[str, Any]:
    """Explain the texts, write page, pictures and report into `output`, and return the JSON line.

    Without texts, the first _SAMPLE_TEXTS tweets of `sample-dev` are explained. Raises TrainingError if a text or the
    output cannot be used, FatalError if the worker would refuse the model folder.
    """
    texts = _checked(texts) or [row.text for row in islice(read_rows(SAMPLE_DEV, "test"), _SAMPLE_TEXTS)]
    explainer = open_explainer(model)
    prepare_report_folder(output)
    explanations = []
    pictures: list[str] = []
    with writing_report(output) as folder:
        with progress("explaining", len(texts)) as advance:
            for number, text in enumerate(texts, start=1):
                explanations.append(explainer.explain(text))
                pictures += _draw(explanations[-1], number, folder)
                advance("")
        _write(explanations, explainer, folder)
    say(f"open {output / PAGE_FILE} in a browser")
    return _summary(explanations, explainer, output, pictures)


def _checked(texts: Sequence[str]) -> list[str]:
    if len(texts) > MAX_TEXTS:
        raise TrainingError(f"{len(texts)} texts: at most {MAX_TEXTS} can be explained in one call; give fewer")
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            raise TrainingError(f"text {number} is blank; give a text with words, or leave out text {number}")
        if not _is_unicode(text):
            raise TrainingError(f"text {number} is not UTF-8; encode text {number} as UTF-8")
    return list(texts)


def _is_unicode(text: str) -> bool:
    """Return whether an argument was UTF-8; Python decodes other bytes as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _draw(explanation: Explanation, number: int, folder: Path) -> list[str]:
    drawn = {
        f"attribution-{number}.png": draw_attributions,
        f"attention-{number}.png": draw_heads,
        f"attention-{number}-last-layer.png": draw_last_layer,
    }
    for name, draw in drawn.items():
        draw(explanation, folder / name, title=f"text {number}")
    return list(drawn)


def _write(explanations: Sequence[Explanation], explainer: Explainer, folder: Path) -> None:
    model = explainer.folder
    page = explanation_page(explanations, model_id=model.model_id, max_tokens=model.max_tokens)
    (folder / PAGE_FILE).write_text(page, encoding="utf-8")
    method = {"name": "integrated gradients", "baseline": "[PAD] for every token of the text", "steps": STEPS}
    described = {"model_id": model.model_id, "temperature": model.temperature, "max_tokens": model.max_tokens}
    texts = [explanation.as_dict() for explanation in explanations]
    write_json(folder / REPORT_FILE, {**described, "attribution": method, "texts": texts})


def _summary(
    explanations: Sequence[Explanation], explainer: Explainer, output: Path, pictures: list[str]
) -> dict[str, Any]:
    gaps = [abs(explanation.attributions.completeness_gap) for explanation in explanations]
    return {
        "output": str(output),
        "page": PAGE_FILE,
        "model_id": explainer.folder.model_id,
        "predictions": [explanation.prediction for explanation in explanations],
        "largest_completeness_gap": round(max(gaps), 6),
        "pictures": pictures,
    }
