"""The record of a run without the folders of the machine that trained it, for the files of a model folder."""

from collections.abc import Mapping
from typing import Any

from tweets.datasets import dataset_name


def published(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record, and those of its start and its teachers, with names in place of local folders.

    `data_root` is left out. Relative paths and ids of the hub stay.
    """
    found = {name: value for name, value in record.items() if name != "data_root"}
    for field in ("add", "base", "dataset"):
        if isinstance(found.get(field), str):
            found[field] = _name(found[field])
    if "datasets" in found:
        found["datasets"] = [{**entry, "path": _name(entry["path"])} for entry in found["datasets"]]
    if found.get("started_from"):
        found["started_from"] = published(found["started_from"])
    if "teachers" in found:
        found["teachers"] = [published(teacher) for teacher in found["teachers"]]
    return found


def _name(path: str) -> str:
    return dataset_name(path) if path.startswith(("/", "~", ".")) else path
