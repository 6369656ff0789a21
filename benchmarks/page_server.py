"""Run the live page as a process of its own for a benchmark, without Kafka and Redis: POST /classify uses neither."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: The live page loads the model; the rest is for a busy machine.
_START_S: Final = 120.0

#: Longer than the live page's own limit for ending.
_END_S: Final = 10.0

#: Port 1, on which no server listens.
_NO_SERVERS: Final = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1/0"}


@contextmanager
def page_server() -> Iterator[tuple[str, int]]:
    """Start the live page, yield its host and port, and stop it at the end of the block.

    Raises RuntimeError if the live page does not start.
    """
    environment = os.environ | _NO_SERVERS | {"DASHBOARD_HOST": "127.0.0.1", "DASHBOARD_PORT": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard"], env=environment, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    deadline = threading.Timer(_START_S, process.kill)
    deadline.start()
    try:
        yield _address(process)
    finally:
        deadline.cancel()
        process.send_signal(signal.SIGTERM)
        process.wait(_END_S)


def _address(process: "subprocess.Popen[str]") -> tuple[str, int]:
    output = []
    for line in process.stderr or ():
        output.append(line)
        if found := re.search(r"live page\b.*?http://(\S+):(\d+)", line):
            threading.Thread(target=process.communicate, daemon=True).start()  # a full pipe would block the live page
            return found[1], int(found[2])
    raise RuntimeError(f"the live page did not start: {''.join(output[-5:])}")
