"""Logging of every program: lines on stderr, as text or JSON, without the text of tweets."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

from worker import time_limits
from worker.process.client_log import PassingStates

_REPEATING: Final = ("kafka", "uvicorn", "asyncio")
"""Loggers whose lines are repeated as often as others cause them."""


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


class _RepeatedClientLines(logging.Filter):
    """Passes a log line of the Kafka client or a web server once in CLIENT_LOG_REPEAT.

    The client logs three lines per attempt; a web server logs a line per broken request, as many as others send.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last_s: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_REPEATING):
            return True
        key = (record.name, str(record.msg).partition("\n")[0])  # asyncio's further lines name the connection
        due = record.created - self._last_s.get(key, 0.0) >= time_limits.CLIENT_LOG_REPEAT.seconds
        if due:
            self._last_s[key] = record.created
        return due


def configure_logging(level: str, form: str) -> None:
    """Set up the root logger; `level` is the name of a level, `form` is text or json."""
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(_JsonFormatter() if form == "json" else text)
    handler.addFilter(PassingStates())
    handler.addFilter(_RepeatedClientLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # DEBUG lines of kafka-python contain keys, values and headers; its INFO lines report every connection.
    least = logging.INFO if level == "DEBUG" else max(logging.WARNING, logging.getLevelNamesMapping()[level])
    logging.getLogger("kafka").setLevel(least)
    # Every failure that the producer of kafka-python logs, the producer also raises as an error.
    logging.getLogger("kafka.producer").setLevel(logging.INFO if level == "DEBUG" else logging.CRITICAL)
