"""The record of a run in a model folder: names in place of the folders of a machine."""

import json
from typing import Any

from training.export.published import published


def test_folders_of_the_machine_become_names_in_a_run_its_start_and_its_teachers() -> None:
    entries: list[dict[str, Any]] = [
        {"path": "/root/data/emotion", "hub": "dair-ai/emotion", "ratio": 1.0},
        {"path": "~/sets/comments.csv"},
    ]
    run: dict[str, Any] = {"base": "minilm", "add": "/root/data/more", "datasets": entries, "data_root": "/root/data"}
    record = {**run, "started_from": {**run, "dataset": "/root/data/emotion"}, "teachers": [run]}
    found = published(record)
    assert "/root" not in json.dumps(found)
    assert "~" not in json.dumps(found)
    assert found["datasets"][0] == {"path": "emotion", "hub": "dair-ai/emotion", "ratio": 1.0}
    assert found["started_from"]["dataset"] == "emotion"
    assert "data_root" not in found["teachers"][0]
    assert record["data_root"] == "/root/data"  # the record of the run itself stays as `train` wrote it


def test_relative_paths_and_ids_of_the_hub_stay() -> None:
    record = {"base": "someone/base", "add": None, "datasets": [{"path": "dair-ai/emotion", "hub": None}]}
    assert published(record) == record
