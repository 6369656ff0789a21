"""A page's server for a measurement: a process of its own, without Kafka and Redis, which it can do without."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_START_S: Final = 120.0
_END_S: Final = 10.0
_NOBODY: Final = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1/0"}


@contextmanager
def page_server() -> Iterator[tuple[str, int]]:
    """Host and port of a server that ends with the block."""
    environment = os.environ | _NOBODY | {"DASHBOARD_HOST": "127.0.0.1", "DASHBOARD_PORT": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard"], env=environment, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    hurry = threading.Timer(_START_S, process.kill)
    hurry.start()
    try:
        yield _address(process)
    finally:
        hurry.cancel()
        process.send_signal(signal.SIGTERM)
        process.wait(_END_S)


def _address(process: "subprocess.Popen[str]") -> tuple[str, int]:
    said = []
    for line in process.stderr or ():
        said.append(line)
        if found := re.search(r"live page on http://(\S+):(\d+)", line):
            threading.Thread(target=process.communicate, daemon=True).start()  # or it would wait for a reader some day
            return found[1], int(found[2])
    raise RuntimeError(f"the page's server did not start: {''.join(said[-5:])}")
