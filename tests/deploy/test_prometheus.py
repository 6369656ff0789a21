"""Prometheus' configuration and rules, and the operations page to which the alerts link."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client import generate_latest

from tests.deploy.boards import BOARDS, board, expressions, panels
from tests.deploy.promtool import FOLDER, RULE_TESTS, RULES, content, promtool, rules
from tweets.emotions import EMOTIONS
from worker.errors import ExitCode
from worker.process.metrics import Metrics
from worker.settings import Settings

ROOT: Final = FOLDER.parents[1]
OPERATIONS: Final = ROOT / "docs/operations.md"
METRIC: Final = re.compile(r"\b(?<![:.])((?:emotion|process)_[a-z0-9_]+)(?=[\[{])")


def file_name(path: Path) -> str:
    return path.name


def test_promtool_accepts_the_configuration() -> None:
    assert "SUCCESS" in promtool("check", "config", str(FOLDER / "prometheus.yml"))


def test_promtool_accepts_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", *map(str, RULES))


@pytest.mark.slow
@pytest.mark.parametrize("path", RULE_TESTS, ids=file_name)
def test_the_rules_pass_promtools_unit_tests(path: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", str(path))


def test_each_alert_has_a_unit_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    tried = [case for path in RULE_TESTS for test in content(path)["tests"] for case in test.get("alert_rule_test", [])]
    alerts = {rule["alert"] for rule in rules("alert")}
    assert {case["alertname"] for case in tried if case.get("exp_alerts")} == alerts
    assert {case["alertname"] for case in tried if not case.get("exp_alerts")} == alerts


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: rule["alert"])
def test_an_alert_has_a_severity_and_a_summary_with_fault_and_action(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert re.fullmatch(r".+\. .+\.", rule["annotations"]["summary"]), "one sentence for the fault, one for the action"


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: rule["alert"])
def test_an_alert_links_to_its_section_of_the_operations_page(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "docs/operations.md"
    assert anchor == rule["alert"].lower()
    assert anchor in anchors(OPERATIONS)


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a Markdown page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_rules_and_dashboards_query_metrics_that_a_worker_exports() -> None:
    expected = {metric for rule in rules("alert") + rules("record") for metric in METRIC.findall(rule["expr"])}
    expected |= {metric for path in BOARDS for expr in expressions(path) for metric in METRIC.findall(expr)}
    assert "emotion_consumer_lag" in expected
    assert expected - worker_metrics() == set()


def test_rules_and_dashboards_query_recordings_that_a_rule_writes() -> None:
    recorded = {rule["record"] for rule in rules("record")}
    exprs = [rule["expr"] for rule in rules("alert") + rules("record")]
    exprs += [expr for path in BOARDS for expr in expressions(path)]
    read = {name for expr in exprs for name in re.findall(r"\b\w+:\w+:\w+", expr)}
    assert read - recorded == set()


def test_the_operations_page_names_recordings_that_a_rule_writes() -> None:
    page = OPERATIONS.read_text(encoding="utf-8")
    assert set(re.findall(r"\bstream:\w+:\w+", page)) - {rule["record"] for rule in rules("record")} == set()


def test_the_operations_page_names_metrics_and_settings_that_exist() -> None:
    page = OPERATIONS.read_text(encoding="utf-8")
    histograms = {metric.removesuffix("_count") for metric in worker_metrics() if metric.endswith("_count")}
    named = set(re.findall(r"(?<![:\w])(?:emotion|process)_\w+(?!:)\b", page))
    assert named - worker_metrics() - histograms == set()
    settings = {name.upper() for name in Settings.model_fields}
    assert set(re.findall(r"\b(?:KAFKA|BATCH|METRICS|REDIS|MODEL|WORKER)_[A-Z_]+\b", page)) - settings == set()


def test_the_operations_page_quotes_log_lines_and_panels_that_exist() -> None:
    page = OPERATIONS.read_text(encoding="utf-8")
    code = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "worker").rglob("*.py")))
    quoted = set(re.findall(r"log line `([^`]+)`", page))
    assert quoted
    assert {line for line in quoted if line not in code} == set()
    titles = {panel["title"] for path in BOARDS for panel in panels(path)} | {board(path)["title"] for path in BOARDS}
    emphasised = {" ".join(name.split()) for name in re.findall(r"(?<![*\w])\*([A-Z][^*]+)\*(?!\*)", page)}
    assert {name for name in emphasised if len(name) > 1} - titles == set()


def test_the_operations_page_lists_every_exit_code_of_a_worker() -> None:
    listed = set(re.findall(r"^\| (\d+) \|", OPERATIONS.read_text(encoding="utf-8"), flags=re.MULTILINE))
    of_other_programs = {ExitCode.DIFFERENCE, ExitCode.REDIS, ExitCode.INTERRUPTED}
    killed = "137"
    assert listed == {str(code.value) for code in set(ExitCode) - of_other_programs} | {killed}


def worker_metrics() -> set[str]:
    """Return the names of all series that a worker can export."""
    metrics = Metrics()
    metrics.show_zeros(EMOTIONS)
    metrics.show_subjects(["pets"], EMOTIONS)
    metrics.pass_tokens.labels("real")
    metrics.consumer_lag.labels("tweets", "0")
    metrics.records_skipped.labels("tweets", "0")
    metrics.consumer_lag_seconds.labels("tweets", "0")
    metrics.build_info.labels("version", "model", "device", "engine")
    lines = generate_latest(metrics.registry).decode().splitlines()
    return {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}


def test_prometheus_discovers_every_replica_at_the_port_of_its_metrics() -> None:
    jobs = {job["job_name"]: job for job in content(FOLDER / "prometheus.yml")["scrape_configs"]}
    (discovery,) = jobs["worker"]["dns_sd_configs"]
    assert (discovery["names"], discovery["type"]) == (["worker"], "A")
    assert discovery["port"] == Settings.model_fields["metrics_port"].default
