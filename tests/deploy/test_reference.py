"""docs/reference.md: the page is what the code declares, and the hand-written tables are what the programs do."""

import re
import threading
import urllib.request
from pathlib import Path
from typing import cast
from urllib.error import HTTPError

import pytest
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from starlette.routing import Mount, Route

from dashboard.app import make_app
from dashboard.batcher import Batcher
from dashboard.board import Board
from dashboard.events import Events
from dashboard.over_time import OverTime
from dashboard.settings import DashboardSettings
from deploy.interfaces import EXIT_CODE_PROGRAMS, PAGE_ENDPOINTS, WORKER_ENDPOINTS
from deploy.reference import DELIVERY_PAGE, PAGE, main, page
from deploy.time_limit_tables import BEGIN, END, with_time_limits
from tests.fakes import FakeClassifier
from tweets.reasons import REASONS
from tweets.tweet import MAX_VALUE_BYTES
from worker.errors import ExitCode
from worker.process.health import HealthServer
from worker.process.metrics import Metrics, declared_metrics
from worker.setting_fields import documentation
from worker.settings import Settings
from worker.time_limits import all_limits
from worker.time_order import ORDER, allowed_ms

ROOT = Path(__file__).parents[2]
UNESCAPED_PIPE = re.compile(r"(?<!\\)\|")


def test_the_page_is_what_the_code_declares() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run make reference"


def _copied(page: Path, folder: Path) -> Path:
    copy = folder / page.name
    copy.write_bytes(page.read_bytes())
    return copy


def test_check_fails_for_a_page_that_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "reference.md"
    monkeypatch.setattr("deploy.reference.PAGE", changed)
    monkeypatch.setattr("deploy.reference.DELIVERY_PAGE", _copied(DELIVERY_PAGE, tmp_path))
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    changed.write_text(changed.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert main(["--check"]) == 1


def test_print_writes_the_page_to_stdout_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("deploy.reference.PAGE", tmp_path / "reference.md")
    assert main(["--print"]) == 0
    assert capsys.readouterr().out == page()
    assert list(tmp_path.iterdir()) == []


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    tables = re.findall(r"(?:^\|.*\n)+", page(), re.MULTILINE)
    assert len(tables) >= 10
    for table in tables:
        cells = {len(UNESCAPED_PIPE.findall(line)) for line in table.splitlines()}
        assert len(cells) == 1, table


def test_the_page_shows_no_path_of_this_machine_and_no_hidden_value() -> None:
    assert str(ROOT) not in page()
    assert "**********" not in page()
    assert "SecretStr" not in page()


@pytest.mark.parametrize("name", DashboardSettings.model_fields)
def test_every_setting_has_a_meaning_and_says_when_to_change_it(name: str) -> None:
    field = DashboardSettings.model_fields[name]
    assert (field.description or "").endswith(".")
    assert documentation(field)["change"].endswith(".")
    assert f"| `{name.upper()}` |" in page()


@pytest.mark.parametrize("unit", ["ms", "tweets", "tokens", "chars"])
def test_a_number_with_a_unit_in_its_name_has_a_unit(unit: str) -> None:
    names = [name for name in DashboardSettings.model_fields if name.endswith(f"_{unit}")]
    assert names
    assert all(documentation(DashboardSettings.model_fields[name])["unit"] for name in names)


def test_every_metric_of_the_registry_is_on_the_page_with_a_meaning_and_advice() -> None:
    registered = {family.name for family in Metrics(CollectorRegistry()).registry.collect()}
    declared = {metric.name for _, metric in declared_metrics()}
    assert {name for name in registered if name.startswith("emotion_")} == declared
    assert all(metric.help.endswith(".") and metric.advice.endswith(".") for _, metric in declared_metrics())


def test_every_alert_in_an_advice_has_a_section_in_operations() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    alerts = {name for _, metric in declared_metrics() for name in re.findall(r"[Ss]ee (\w+)", metric.advice)}
    assert alerts
    assert {name for name in alerts if f"### {name}\n" not in operations} == set()


def test_every_reason_has_a_meaning_and_advice_and_the_real_limit() -> None:
    assert all(reason.meaning.endswith(".") and reason.advice.endswith(".") for reason in REASONS.values())
    assert f"{MAX_VALUE_BYTES:,} bytes" in REASONS["record_too_large"].meaning


def test_every_exit_code_has_a_meaning_and_programs() -> None:
    assert set(EXIT_CODE_PROGRAMS) == set(ExitCode)
    assert all(code.meaning.endswith(".") for code in ExitCode)


def test_the_endpoints_of_the_worker_are_those_of_its_server() -> None:
    server = HealthServer(
        "127.0.0.1",
        0,
        registry=CollectorRegistry(),
        overdue=lambda: None,
        not_ready=lambda: None,
        on_death=lambda error: pytest.fail(str(error)),
    )
    server.start()
    try:
        answers = {each.path: status(server.port, each.path) for each in WORKER_ENDPOINTS}
        with pytest.raises(HTTPError) as missing:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/", timeout=5)
        with missing.value as answer:
            offered = re.findall(r"/\w+", answer.read().decode())
    finally:
        server.close()
    assert answers == dict.fromkeys(offered, 200)


def status(port: int, path: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return int(answer.status)


def test_the_endpoints_of_the_live_page_are_those_of_its_app() -> None:
    events = Events(Board(), {"labels": []}, threading.Event())
    app = make_app(
        Batcher(FakeClassifier()), events, cast(OverTime, None), model="fake-1", tweet_max_chars=10, requests_max=10
    )
    served = set()
    for route in app.routes:
        if isinstance(route, Mount):
            served.add(("GET", f"{route.path}/…"))
        elif isinstance(route, APIRoute | Route):
            served |= {(method, route.path) for method in (route.methods or ()) if method != "HEAD"}
    assert {(each.method, each.path) for each in PAGE_ENDPOINTS} == served - {("GET", "/docs/swagger/…")}


def test_the_delivery_page_has_the_time_limits_of_the_code() -> None:
    assert DELIVERY_PAGE.read_text(encoding="utf-8") == with_time_limits(DELIVERY_PAGE.read_text(encoding="utf-8")), (
        "run make reference"
    )


def test_every_time_limit_and_every_order_has_a_row() -> None:
    text = with_time_limits(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert {f"`{name}`" for name in all_limits()} <= set(re.findall(r"^\| (`\w+`) \|", text, re.MULTILINE))
    for order in ORDER:
        assert f"| `{order.shorter}` | `{order.longer}` |" in text


def test_a_page_without_the_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="time limits: begin"):
        with_time_limits("no markers")


def test_a_setting_that_the_time_limits_bound_shows_its_range() -> None:
    least, greatest = allowed_ms("KAFKA_SESSION_TIMEOUT_MS", Settings.model_construct())
    assert f"| {least:,} to {greatest:,} milliseconds |" in page()
