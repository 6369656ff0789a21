"""The dashboards: code and JSON agree, every panel has a description, panels do not overlap."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.grafana.__main__ import rendered
from deploy.grafana.emotion import DISTANCE_LIMIT
from deploy.grafana.palette import colours_of
from tests.deploy.boards import BOARDS, FOLDER, board, expressions, panels
from tests.deploy.promtool import FOLDER as PROMETHEUS
from tests.deploy.promtool import content, rules
from tweets.colours import EMOTION_COLOURS
from worker.process.metrics import STAGES

#: Columns of Grafana's grid.
COLUMNS: Final = 24

each_board = pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)


def test_the_json_in_the_repository_is_what_the_code_writes() -> None:
    checked_in = {path.name: path.read_text(encoding="utf-8") for path in BOARDS}
    assert checked_in == rendered(), "run python -m deploy.grafana"


@each_board
def test_panels_fill_their_rows_and_do_not_overlap(path: Path) -> None:
    cells = Counter(cell for panel in board(path)["panels"] for cell in covered(panel["gridPos"]))
    assert {cell for cell, times in cells.items() if times > 1} == set()
    height = max(y for _, y in cells) + 1
    assert set(cells) == {(x, y) for x in range(COLUMNS) for y in range(height)}


def covered(place: dict[str, int]) -> set[tuple[int, int]]:
    """Return the cells of the grid that a panel covers."""
    return {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}


@each_board
def test_ids_and_titles_are_unique(path: Path) -> None:
    every = board(path)["panels"]
    assert len({panel["id"] for panel in every}) == len({panel["title"] for panel in every}) == len(every)


@each_board
def test_every_panel_has_unit_description_and_named_series(path: Path) -> None:
    incomplete = [panel["title"] for panel in panels(path) if not complete(panel)]
    assert incomplete == []


def complete(panel: dict[str, Any]) -> bool:
    legends = [target["legendFormat"] for target in panel["targets"]]
    return bool(panel["description"].endswith(".") and panel["fieldConfig"]["defaults"]["unit"] and all(legends))


@each_board
def test_variables_are_used_only_with_a_regular_expression_matcher(path: Path) -> None:
    names = {variable["name"] for variable in board(path)["templating"].get("list", [])}
    for expr in expressions(path):
        used = [name for name in re.findall(r"\$(\w+)", expr) if not name.startswith("__") and not name.isdigit()]
        assert set(used) <= names
        assert len(used) == len(re.findall(r'=~"\$\w+"', expr)), expr


@each_board
def test_every_metric_is_selected_from_the_job_worker(path: Path) -> None:
    for expr in expressions(path):
        for metric, selector in re.findall(r"(?<![:\w])((?:emotion|process)_\w+|up)(?![\w:])(.{0,13})", expr):
            assert selector == '{job="worker"', f"{metric} in {expr}"


@each_board
def test_an_emotion_has_the_same_colour_in_every_panel(path: Path) -> None:
    drawn = [panel for panel in panels(path) if any(t["legendFormat"] == "{{emotion}}" for t in panel["targets"])]
    for panel in drawn:
        assert colours(panel) == EMOTION_COLOURS, panel["title"]
    assert bool(drawn) == (path.stem == "emotion")


def colours(panel: dict[str, Any]) -> dict[str, str]:
    """Return the colours that a panel gives to emotions."""
    return {
        override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] in EMOTION_COLOURS
    }


def test_every_stage_has_a_colour_of_its_own() -> None:
    stages = colours_of(["{{stage}}"])
    assert stages.keys() == set(STAGES)
    assert len(set(stages.values())) == len(STAGES)


@each_board
def test_a_dashboard_has_its_file_name_as_uid_and_queries_the_provisioned_data_source(path: Path) -> None:
    (source,) = content(FOLDER / "provisioning/datasources/prometheus.yml")["datasources"]
    assert {panel["datasource"]["uid"] for panel in panels(path)} == {source["uid"]}
    assert board(path)["uid"] == path.stem


def test_the_data_source_has_the_scrape_interval_of_the_workers() -> None:
    (source,) = content(FOLDER / "provisioning/datasources/prometheus.yml")["datasources"]
    jobs = {job["job_name"]: job for job in content(PROMETHEUS / "prometheus.yml")["scrape_configs"]}
    assert source["jsonData"]["timeInterval"] == jobs["worker"]["scrape_interval"]


def test_thresholds_on_the_dashboards_are_those_of_the_alerts() -> None:
    alerts = {rule["alert"]: rule["expr"] for rule in rules("alert")}
    assert f"mix_distance1h > {DISTANCE_LIMIT} " in alerts["EmotionMixShifted"]
    limits = {panel["title"]: red_above(panel) for panel in panels(FOLDER / "dashboards/operations.json")}
    assert alerts["DeadLetterRatio"].endswith(f"> {limits['Dead letters']}")
    assert alerts["TransactionsAborted"].endswith(f"> {limits['Aborted']}")
    assert alerts["SlowEndToEnd"].endswith(f"> {limits['p95 end to end']}")
    assert alerts["KafkaSilent"].endswith(f"> {limits['Silence of Kafka']:g}")


def red_above(panel: dict[str, Any]) -> float | None:
    """Return the value above which a panel is red."""
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    return next((after["value"] for _, after in pairwise(steps)), None)
