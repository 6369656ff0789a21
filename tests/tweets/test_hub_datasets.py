"""Data sets of the hub: the rows of a split, the names of labels, and every error."""

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.tweets.test_datasets import error, rows
from tweets import datasets
from tweets.datasets import Row, SplitMissingError, read_rows


class HubSplit(list[dict[str, Any]]):
    """Rows of one split, with the features that the library reports."""

    def __init__(self, rows: list[dict[str, Any]], label: object = None) -> None:
        super().__init__(rows)
        self.features = {"label": label}


@pytest.fixture(autouse=True)
def _nothing_loaded_before() -> None:
    datasets._load_from_hub.cache_clear()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Install a library whose load_dataset returns this, or raises it."""

    def put(answer: object) -> None:
        def load_dataset(_: str) -> object:
            if isinstance(answer, Exception):
                raise answer
            return answer

        library = ModuleType("datasets")
        library.load_dataset = load_dataset  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "datasets", library)

    return put


def test_a_hub_id_gives_the_rows_of_the_split(hub: Callable[[object], None]) -> None:
    hub({"test": HubSplit([{"text": "one", "label": 4}]), "train": HubSplit([])})
    assert rows("owner/set") == [Row(0, "one", "fear")]


def test_label_names_of_the_hub_are_preferred_to_the_default_labels(hub: Callable[[object], None]) -> None:
    hub({"test": HubSplit([{"text": "one", "label": 0}], SimpleNamespace(names=["bad", "good"]))})
    assert rows("owner/set") == [Row(0, "one", "bad")]


def test_label_names_of_the_hub_are_those_of_lists_too(hub: Callable[[object], None]) -> None:
    split = HubSplit([{"text": "one", "labels": [1]}])
    split.features = {"labels": SimpleNamespace(feature=SimpleNamespace(names=["bad", "good"]))}
    hub({"test": split})
    assert rows("owner/set") == [Row(0, "one", None, ("good",))]


def test_a_missing_split_of_the_hub_lists_those_that_exist(hub: Callable[[object], None]) -> None:
    hub({"train": HubSplit([]), "dev": HubSplit([])})
    with pytest.raises(SplitMissingError, match="'owner/set' has no split 'test'; choose one of: train, dev"):
        read_rows("owner/set", "test")


def test_a_data_set_of_the_hub_is_loaded_once_however_often_its_rows_are_read(hub: Callable[[object], None]) -> None:
    hub({"test": HubSplit([{"text": "one"}])})
    first = rows("owner/set")
    hub(ConnectionError("no network any more"))
    assert rows("owner/set") == first


def test_the_error_of_a_hub_that_does_not_answer_names_the_way_out(hub: Callable[[object], None]) -> None:
    hub(ConnectionError("Couldn't reach the hub\nsecond line"))
    message = error("owner/set")
    assert "loading from the hub failed (Couldn't reach the hub)" in message
    assert "give a folder" in message


def test_a_hub_id_without_the_library_is_an_error_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "pip install '.[data]'" in error("owner/set")
