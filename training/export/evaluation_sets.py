"""The sets of rows on which an exported model is scored, besides validation and test of its own data set."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import training.data
from training.data.evaluation_rows import EvaluationRows, read_evaluation_rows, read_mapped_evaluation_rows
from training.data.mapping import MappedDataset
from training.data.splits import TEST, VALIDATION, has_other_split
from tweets.datasets import SAMPLE_DEV, SAMPLE_FILES, dataset_name, read_rows
from tweets.emotions import EMOTIONS

SAME_NAMES: Final = ", same names"
"""The end of the name of a set with only those rows whose label has the name of one of the model's labels."""
UNUSUAL: Final = "unusual-tweets"
"""The name of the shipped tweets in other languages, of emoji alone and of hashtags alone."""
UNUSUAL_FILE: Final = Path(training.data.__path__[0]) / "unusual_tweets.jsonl"


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Rows to score under a name."""

    name: str
    rows: EvaluationRows
    is_for_choices: bool = False
    """Whether the set is validation or development data, on which a threshold may be chosen."""
    is_quotable: bool = False
    """Whether the project may print the texts: those that its authors wrote."""
    ids: str = ""
    """The begin of a row's id, before the row's number."""
    kinds: Mapping[int, str] = field(default_factory=dict)
    """The kind of text that the data set names, by the row's number."""


def evaluation_sets(specs: Sequence[MappedDataset], labels: Sequence[str]) -> list[EvaluationSet]:
    """Return the sets for a model with these labels: the shipped tweets, then validation and test of mapped data sets.

    The shipped tweets are left out unless `labels` have all six emotions. Raises TrainingError if a data set cannot be
    read.
    """
    mapped = [one for spec in specs if spec.labels for one in _of_mapped(spec)]
    return [*_shipped(labels), *mapped] if set(EMOTIONS) <= set(labels) else mapped


def _shipped(labels: Sequence[str]) -> Iterator[EvaluationSet]:
    for name, source in {**{name: name for name in SAMPLE_FILES}, UNUSUAL: str(UNUSUAL_FILE)}.items():
        yield EvaluationSet(
            name,
            read_evaluation_rows(source, TEST, labels),
            is_for_choices=name == SAMPLE_DEV,
            is_quotable=True,
            ids=f"{dataset_name(source)}-{TEST}",
            kinds={row.number: row.kind for row in read_rows(source, TEST) if row.kind},
        )


def _of_mapped(spec: MappedDataset) -> Iterator[EvaluationSet]:
    names = dict(spec.labels or {})
    both = (False, True) if any(ours == (theirs,) for theirs, ours in names.items()) else (False,)
    for split in (VALIDATION, TEST):
        if not has_other_split(spec.source, split):
            continue
        for same_names in both:
            name = f"{spec.name}-{split}"
            rows = read_mapped_evaluation_rows(spec, split, same_names=same_names)
            yield EvaluationSet(name + SAME_NAMES * same_names, rows, is_for_choices=split == VALIDATION, ids=name)
