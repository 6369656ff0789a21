"""Read the YAML file that lists the data sets of a training run, and the mapping of their labels.

```yaml
data:
  - path: emotion            # relative to the root of the data, or absolute, or an id of the hub
  - path: comments
    labels: {annoyance: anger, bliss: [joy, love], neutral: neutral, curiosity: skip}
    weight: 0.5              # of each row in the loss
    ratio: 0.8               # share of the rows that an epoch shows
```
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import yaml  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.data.mapping import SKIP, MappedDataset
from training.output.errors import TrainingError, reason_of
from tweets.emotions import EMOTIONS, NEUTRAL

BUNDLED_DATA: Final = Path(__file__).with_name("bundled.yaml")
"""The data sets of `bundle`."""
BUNDLED_LAST_DATA: Final = Path(__file__).with_name("bundled_last.yaml")
"""The data sets of its last stage, with fewer rows unlike the first data set."""

_Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Entry(BaseModel):
    """One data set in the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    path: Annotated[str, Field(min_length=1)]
    hub: str | None = None
    labels: dict[str, str | list[str]] | None = None
    weight: _Share = 1.0
    ratio: _Share = 1.0


class _DataFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    data: Annotated[list[_Entry], Field(min_length=1)]


def read_data_file(
    file: Path, *, root: Path | None = None, labels: Sequence[str] | None = None
) -> tuple[MappedDataset, ...]:
    """Return the data sets of a file, in its order.

    `root` is the folder of relative paths (None: the current folder), `labels` are those of the model (None: the six
    emotions). Raises TrainingError with one line if the file cannot be read, a label is mapped onto a label that does
    not exist, two data sets have the same path or short name, or no data set has a weight and a ratio above 0.
    """
    ours = tuple(labels or EMOTIONS)
    specs = mapped_datasets(_read(file), ours=ours, root=root or Path(), where=str(file))
    if not any(spec.weight > 0 and spec.ratio > 0 for spec in specs):
        raise TrainingError(f"{file}: no data set has a weight and a ratio above 0; nothing would be trained")
    return specs


def mapped_datasets(
    entries: Sequence[_Entry], *, ours: tuple[str, ...], root: Path, where: str
) -> tuple[MappedDataset, ...]:
    """Return the data sets of checked entries; `where` begins the text of an error."""
    specs: list[MappedDataset] = []
    for entry in entries:
        mapping = None if entry.labels is None else dict(_mapping(entry, ours, where))
        spec = MappedDataset(entry.path, ours, mapping, entry.weight, entry.ratio, root, entry.hub)
        if spec.source in {known.source for known in specs}:
            raise TrainingError(f"{where}: data set {entry.path!r} is listed twice; list each data set once")
        same = next((known for known in specs if known.name == spec.name), None)
        if same is not None:
            raise TrainingError(
                f"{where}: data sets {same.path!r} and {entry.path!r} have the same short name {spec.name!r}; rename "
                "one of the folders or files"
            )
        specs.append(spec)
    return tuple(specs)


def recorded(specs: Sequence[MappedDataset]) -> list[dict[str, Any]]:
    """Return the entries of a file that would give the same data sets, JSON-ready, for the record of a run."""
    return [
        {
            "path": spec.path,
            "hub": spec.hub,
            "labels": None
            if spec.labels is None
            else {theirs: list(names) if names else SKIP for theirs, names in spec.labels.items()},
            "weight": spec.weight,
            "ratio": spec.ratio,
        }
        for spec in specs
    ]


def from_record(entries: Sequence[Mapping[str, Any]], ours: Sequence[str], root: Path) -> tuple[MappedDataset, ...]:
    """Return the data sets that `recorded` described; `root` is the folder of relative paths."""
    try:
        checked = [_Entry.model_validate(entry) for entry in entries]
    except (ValidationError, TypeError) as error:
        raise TrainingError(f"run.json: its data sets cannot be read ({reason_of(error)})") from error
    return mapped_datasets(checked, ours=tuple(ours), root=root, where="run.json")


def _read(file: Path) -> list[_Entry]:
    try:
        return _DataFile.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))).data
    except OSError as error:
        raise TrainingError(f"{file}: cannot be read ({error.strerror}); give a file with data sets") from error
    except UnicodeDecodeError as error:
        raise TrainingError(f"{file}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
    except yaml.YAMLError as error:
        raise TrainingError(f"{file}: not YAML ({reason_of(error)}); correct the file") from error
    except ValidationError as error:
        raise TrainingError(f"{file}: {_first_error(error)}; see docs/training/train.md for the format") from error
    except (ValueError, RecursionError) as error:  # PyYAML converts dates, and follows nested lists by recursion
        raise TrainingError(f"{file}: a value cannot be read ({reason_of(error)}); correct the file") from error


def _first_error(error: ValidationError) -> str:
    """Return the first error as `data[1].weight: what is wrong`."""
    first = error.errors()[0]
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]]
    return f"{''.join(parts).lstrip('.') or 'the file'}: {first['msg']}"


def _mapping(entry: _Entry, ours: Sequence[str], where: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for theirs, given in (entry.labels or {}).items():
        names = tuple(dict.fromkeys([given] if isinstance(given, str) else given))
        if names == (SKIP,) and SKIP not in ours:
            yield theirs, ()
            continue
        unknown = [name for name in names if name not in ours and names != (NEUTRAL,)]
        if unknown or not names:
            wrong = f"{unknown[0]!r}, which is no label of the model" if unknown else "an empty list"
            raise TrainingError(
                f"{where}: data set {entry.path!r}: label {theirs!r} is mapped onto {wrong}; use {', '.join(ours)}, a "
                f"list of them, {NEUTRAL} or {SKIP}"
            )
        yield theirs, names
