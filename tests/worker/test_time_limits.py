"""The time limits: their order holds, settings that break the order are refused, no limit is written anywhere else."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

import worker
from worker import time_limits
from worker.__main__ import main
from worker.errors import ExitCode
from worker.settings import Settings, SettingsError, load_settings
from worker.time_limits import STOP_GRACE, TimeLimit, all_limits
from worker.time_order import ORDER, Order, allowed_ms, broken_order

ROOT = Path(__file__).parents[2]
WORKER = Path(worker.__file__).parent
SETTING_FIELDS = {
    "KAFKA_SESSION_TIMEOUT_MS": "kafka_session_timeout_ms",
    "KAFKA_TRANSACTION_TIMEOUT_MS": "kafka_transaction_timeout_ms",
    "BATCH_MAX_WAIT_MS": "batch_max_wait_ms",
}
HEARTBEAT = "HEARTBEAT_INTERVAL"


@dataclass(frozen=True)
class SomeSettings:
    """Durations without the checks of the real settings."""

    kafka_session_timeout_ms: int = 10_000
    kafka_transaction_timeout_ms: int = 15_000
    batch_max_wait_ms: int = 50


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def _order_id(order: Order) -> str:
    return f"{order.shorter} < {order.longer}"


def _names(side: str) -> list[str]:
    return [term.split(" * ")[-1] for term in side.split(" + ")]


def test_the_default_settings_keep_the_order() -> None:
    assert broken_order(load_settings()) is None
    assert [order for order in ORDER if not order.holds(load_settings())] == []


@pytest.mark.parametrize("order", ORDER, ids=_order_id)
def test_each_order_names_known_durations_and_gives_a_reason(order: Order) -> None:
    known = {*all_limits(), *SETTING_FIELDS, HEARTBEAT}
    assert {*_names(order.shorter), *_names(order.longer)} <= known
    assert len(order.why.split()) > 4


@pytest.mark.parametrize("order", ORDER, ids=_order_id)
def test_each_order_is_broken_by_a_longer_first_side(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    assert order.holds(SomeSettings())
    settings = SomeSettings()
    name = _names(order.shorter)[0]
    if name == HEARTBEAT:
        monkeypatch.setattr(time_limits, "HEARTBEATS_PER_SESSION", 1)
        settings = SomeSettings(kafka_session_timeout_ms=70_000)
    elif name in SETTING_FIELDS:
        settings = SomeSettings(**{SETTING_FIELDS[name]: 3_600_000})
    else:
        monkeypatch.setattr(time_limits, name, TimeLimit(3_600, "too long"))
    assert not order.holds(settings)
    assert order.setting is None or broken_order(settings) is not None


@pytest.mark.parametrize(
    ("name", "allowed", "refused", "bound"),
    [
        ("KAFKA_TRANSACTION_TIMEOUT_MS", 14_001, 14_000, "must be more than 14000 (DELIVERY): "),
        ("KAFKA_TRANSACTION_TIMEOUT_MS", 14_001, 5_000, "must be more than 14000 (DELIVERY): "),
        ("KAFKA_SESSION_TIMEOUT_MS", 5_001, 5_000, "must be more than 5000 (REQUEST): "),
        ("KAFKA_SESSION_TIMEOUT_MS", 149_999, 150_000, "must be less than 150000 (MAX_POLL_INTERVAL): "),
        ("BATCH_MAX_WAIT_MS", 8_999, 9_000, "must be less than 9000 (SHUTDOWN): "),
    ],
)
def test_a_setting_that_breaks_the_order_is_refused_at_start_in_one_line(
    name: str,
    allowed: int,
    refused: int,
    bound: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, str(allowed))
    load_settings()
    monkeypatch.setenv(name, str(refused))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    assert message.startswith(f"{name}={refused}: {bound}")
    assert "\n" not in message
    assert main([]) == ExitCode.SETTINGS
    assert capsys.readouterr().err == f"worker: {message}\n"


@pytest.mark.parametrize(
    ("order", "settings", "message"),
    [
        (Order("3 * CLOSE", "BATCH_MAX_WAIT_MS", "x"), SomeSettings(), "BATCH_MAX_WAIT_MS=50: must be more than 6000"),
        (
            Order("HEARTBEAT_INTERVAL + HEARTBEAT_MARGIN", "POLL", "x"),
            SomeSettings(kafka_session_timeout_ms=300_000),
            "KAFKA_SESSION_TIMEOUT_MS=300000: must be less than 297500",
        ),
        (Order("POLL", "CLOSE", "x"), SomeSettings(), "POLL must be shorter than CLOSE: x"),
    ],
)
def test_a_refusal_computes_the_bound_from_both_sides(order: Order, settings: SomeSettings, message: str) -> None:
    assert order.refusal(settings).startswith(message)


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ("KAFKA_SESSION_TIMEOUT_MS", (5_001, 149_999)),
        ("KAFKA_TRANSACTION_TIMEOUT_MS", (14_001, None)),
        ("BATCH_MAX_WAIT_MS", (None, 8_999)),
    ],
)
def test_the_values_that_the_order_allows_are_known(setting: str, allowed: tuple[int | None, int | None]) -> None:
    assert allowed_ms(setting, SomeSettings()) == allowed


def test_compose_waits_for_a_worker_at_least_as_long_as_docker_does_by_default() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert float(services["worker"]["stop_grace_period"].removesuffix("s")) >= STOP_GRACE.seconds


def test_a_time_limit_is_given_in_whole_milliseconds_too() -> None:
    assert TimeLimit(0.02, "").ms == 20
    assert TimeLimit(14, "").ms == 14_000


@pytest.mark.parametrize("name", all_limits())
def test_every_time_limit_says_what_it_limits_and_is_used(name: str) -> None:
    assert all_limits()[name].meaning.endswith(".")
    code = (path for package in (WORKER, ROOT / "dashboard") for path in package.rglob("*.py"))
    used = any(f"time_limits.{name}." in path.read_text() for path in code)
    assert used or any(name in _names(order.shorter) + _names(order.longer) for order in ORDER)


def test_no_time_limit_is_a_bare_number_outside_of_time_limits() -> None:
    found = [
        f"{path.relative_to(WORKER)}:{line} {name}"
        for path in sorted(WORKER.rglob("*.py"))
        if path.name not in {"time_limits.py", "settings.py"}
        for line, name in _bare_durations(ast.parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "RETRY_S = 1.0",
        "KEPT_S: Final = 24 * 3600",
        "client(request_timeout_ms=5_000)",
        "redis(socket_timeout=2.0)",
        "event.wait(timeout=1)",
        "options = {'linger_ms': 5}",
        "time.sleep(0.5)",
        "stop.wait(0.5)",
        "def poll(*, timeout_s=1.0): ...",
        "def poll(timeout_ms=30_000): ...",
        "self._pause_s = 1",
    ],
)
def test_the_search_for_bare_numbers_finds(code: str) -> None:
    assert list(_bare_durations(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["poll(timeout_ms=0)", "SIZE = 5", "batch(size=5)", "wait_s = time_limits.POLL.seconds"]
)
def test_the_search_for_bare_numbers_ignores(code: str) -> None:
    assert not list(_bare_durations(ast.parse(code)))


def _bare_durations(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of every duration that is a number other than 0."""
    for node in ast.walk(tree):
        for name, value in _named_values(node):
            if _is_duration(name) and _number(value):
                yield getattr(node, "lineno", 0), name


def _named_values(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield what a node gives a name: assignments, keyword arguments, defaults, keys, what is slept and waited."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((ast.unparse(target), value) for target in targets)
        case ast.AnnAssign(target=target, value=value):
            yield ast.unparse(target), value
        case ast.keyword(arg=str(name), value=value):
            yield name, value
        case ast.Dict(keys=keys, values=values):
            yield from ((ast.unparse(key).strip("'"), each) for key, each in zip(keys, values, strict=True) if key)
        case ast.arguments(args=args, defaults=defaults, kwonlyargs=only, kw_defaults=only_defaults):
            yield from ((arg.arg, each) for arg, each in zip(reversed(args), reversed(defaults), strict=False))
            yield from ((arg.arg, each) for arg, each in zip(only, only_defaults, strict=True))
        case ast.Call(func=ast.Attribute(attr="sleep" | "wait" | "join" as name), args=[value, *_]):
            yield f"{name} timeout", value


def _is_duration(name: str) -> bool:
    return name.lower().endswith(("_s", "_ms", "timeout", "interval", "pause"))


def _number(value: ast.expr | None) -> bool:
    """Return whether this is arithmetic with numbers only, and not 0."""
    match value:
        case ast.Constant(value=int() | float() as number):
            return number != 0
        case ast.BinOp(left=left, right=right):
            return _number(left) and _number(right)
    return False
