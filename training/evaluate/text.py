"""The report of `evaluate` as text for a terminal."""

from collections.abc import Iterator, Sequence

from training.score.evaluation import WITH_INTERVAL, Evaluation
from training.score.hard_rows import HardRow
from training.score.intervals import Interval, interval
from training.score.paired import Difference, Paired
from training.score.scores import table

#: Wrong rows that are printed: with ten, the report fits a screen. report.json lists more.
_SHOWN_ROWS = 10
#: Characters of a text that are printed: with id and labels, about two lines of a terminal.
_SHOWN_CHARACTERS = 100
#: Labels up to which the confusion matrix is printed: more columns do not fit a terminal. Picture and report.json have
#: the matrix of any size.
_SHOWN_LABELS = 12
#: Characters of the confusion matrix's first column: the width of its heading.
_FIRST_COLUMN = 15
_NAMES = {"accuracy": "accuracy", "macro_f1": "macro F1", "weighted_f1": "weighted F1", "ece": "ECE"}


def described(
    rows: str,
    evaluation: Evaluation,
    comparison: Paired | None,
    wrong: Sequence[HardRow],
    *,
    texts: Sequence[str] | None,
) -> str:
    """Return the report; `texts` are the texts of the split's rows, None leaves the texts out."""
    sections = [
        f"{evaluation.model.model_id} on {rows}",
        table(evaluation.scores),
        *_confusion(evaluation),
        "\n".join(_intervals(evaluation)),
        _calibration(evaluation),
        *_neutral(evaluation),
    ]
    if comparison is not None:
        sections.append("\n".join(_comparison(comparison)))
    if wrong:
        sections.append("\n".join(_wrong_rows(wrong[:_SHOWN_ROWS], texts)))
    return "\n\n".join(sections)


def _intervals(evaluation: Evaluation) -> Iterator[str]:
    yield f"95 % intervals from {len(evaluation.samples.accuracy)} bootstrap samples of the rows"
    for name in WITH_INTERVAL:
        yield f"{_NAMES[name]:12}  {_bounds(interval(getattr(evaluation.samples, name)), '.4f')}"


def _confusion(evaluation: Evaluation) -> Iterator[str]:
    labels = evaluation.model.labels
    if len(labels) > _SHOWN_LABELS:
        return
    width = max(5, *map(len, labels))
    lines = [f"{'true, predicted':{_FIRST_COLUMN}}" + "".join(f"  {label:>{width}}" for label in labels)]
    for label, counts in zip(labels, evaluation.outcomes.confusion(), strict=True):
        lines.append(f"{label:{_FIRST_COLUMN}}" + "".join(f"  {count:{width}d}" for count in counts))
    yield "\n".join(lines)


def _calibration(evaluation: Evaluation) -> str:
    confidence, accuracy = evaluation.reliability.mean_confidence, evaluation.scores.accuracy
    side = "above" if confidence > accuracy else "below"
    temperature = f"temperature {evaluation.model.temperature}"
    return f"mean confidence {confidence:.4f}, {abs(confidence - accuracy):.4f} {side} accuracy ({temperature})"


def _neutral(evaluation: Evaluation) -> Iterator[str]:
    found, threshold = evaluation.neutral, evaluation.neutral_threshold
    if found is None:
        if evaluation.neutral_rows:
            yield f"{evaluation.neutral_rows} neutral rows are not scored: the model has no neutral output"
        return
    lines = [f"neutral output on {len(found.neutral)} neutral rows and the {len(found.labelled)} rows with a label"]
    if (area := found.area) is not None:
        lines.append(f"area under the ROC curve  {area:.4f}")
    if threshold is None:
        lines.append("no threshold: the model folder suggests none; give one with --neutral-threshold")
    else:
        shares = [("neutral rows found", found.found(threshold)), ("rows with a label lost", found.lost(threshold))]
        parts = [f"{name} {share:.2%}" for name, share in shares if share is not None]
        lines.append(f"above {threshold:g}: {', '.join(parts)}")
    yield "\n".join(lines)


def _comparison(found: Paired) -> Iterator[str]:
    other = found.other
    yield f"compared with {other.model.model_id} ({other.model.path}); differences: this model minus the other"
    yield f"{'accuracy':12}  {other.scores.accuracy:.4f}, difference {_difference(found.accuracy)}"
    yield f"{'macro F1':12}  {other.scores.macro_f1:.4f}, difference {_difference(found.macro_f1)}"
    yield (
        f"rows that only this model labels correctly: {found.only_this_right}, "
        f"only the other: {found.only_other_right}; McNemar's exact p = {found.mcnemar_p:.3g}"
    )


def _difference(found: Difference) -> str:
    return f"{found.value:+.4f} (95 %: {_bounds(found.interval, '+.4f')})"


def _bounds(found: Interval, form: str) -> str:
    return f"{found.low:{form}} to {found.high:{form}}"


def _wrong_rows(rows: Sequence[HardRow], texts: Sequence[str] | None) -> Iterator[str]:
    yield "most confident errors"
    widths = [max(len(getattr(row, name)) for row in rows) for name in ("id", "label", "prediction")]
    for row in rows:
        columns = (row.id, row.label, row.prediction)
        named, label, prediction = (f"{one:{width}}" for one, width in zip(columns, widths, strict=True))
        line = f"{named}  labelled {label}  predicted {prediction}  {row.confidence:.3f}"
        yield line if texts is None else f"{line}  {_one_line(texts[row.place])}"


def _one_line(text: str) -> str:
    """Return the first _SHOWN_CHARACTERS of a text on one line, without characters that control a terminal."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"
