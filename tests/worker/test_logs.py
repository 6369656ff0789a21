"""The log: text or JSON lines, without repeated lines and without tweets from the Kafka client."""

import json
import logging
from collections.abc import Iterator

import pytest

from worker.process.logs import configure_logging


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    root, kafka = logging.getLogger(), logging.getLogger("kafka")
    before = root.handlers[:], root.level, kafka.level
    yield
    root.handlers[:], root.level, kafka.level = before


def test_text_has_time_level_and_name(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "text")
    logging.getLogger("worker.loop").info("%s is %d", "tweets[3]@7", 5)
    line = capsys.readouterr().err
    assert line.endswith(" INFO    worker.loop: tweets[3]@7 is 5\n")


def test_json_is_one_object_a_line_tracebacks_included(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    log = logging.getLogger("worker.loop")
    log.info("first\nsecond %s", "ä")
    try:
        raise ValueError("broken")
    except ValueError:
        log.critical("ended", exc_info=True)
    first, second = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert list(first) == ["time", "level", "logger", "message"]
    assert first["message"] == "first\nsecond ä"
    assert first["time"].endswith("+00:00")
    assert (second["level"], second["logger"]) == ("CRITICAL", "worker.loop")
    assert "ValueError: broken" in second["traceback"]


@pytest.mark.parametrize(
    ("level", "kafka"), [("DEBUG", "INFO"), ("INFO", "WARNING"), ("WARNING", "WARNING"), ("ERROR", "ERROR")]
)
def test_trap_debug_lines_of_the_client_print_keys_values_and_headers(level: str, kafka: str) -> None:
    configure_logging(level, "text")
    for name in ("kafka", "kafka.consumer.fetcher"):
        assert logging.getLogger(name).getEffectiveLevel() == logging.getLevelName(kafka)


@pytest.mark.parametrize(("level", "producer"), [("DEBUG", "INFO"), ("INFO", "CRITICAL"), ("WARNING", "CRITICAL")])
def test_the_clients_producer_does_not_log_what_it_raises_too(level: str, producer: str) -> None:
    configure_logging(level, "text")
    assert logging.getLogger("kafka.producer.kafka").getEffectiveLevel() == logging.getLevelName(producer)


def test_a_repeated_line_of_the_client_is_logged_once_and_of_the_worker_every_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO", "text")
    for attempt in range(50):
        logging.getLogger("kafka.net").error("connection %d failed", attempt)
        logging.getLogger("worker.loop").warning("attempt %d", attempt)
    text = capsys.readouterr().err
    assert text.count("kafka.net: connection") == 1
    assert text.count("worker.loop: attempt") == 50


def test_a_repeated_line_of_a_web_server_is_logged_once_whatever_connection_it_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO", "text")
    for attempt in range(50):
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        logging.getLogger("asyncio").error(f"socket.accept() out of system resource\nsocket: {attempt}")
    text = capsys.readouterr().err
    assert (text.count("Invalid HTTP"), text.count("out of system resource")) == (1, 1)


def test_a_second_configuration_replaces_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "text")
    configure_logging("INFO", "json")
    logging.getLogger("worker").info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1
