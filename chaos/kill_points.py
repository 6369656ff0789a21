"""Where a worker under test ends itself: at a step of its loop, when the run has armed that step.

The run writes the number of a step into a file. The worker looks for the file at each step, removes it at the step
that it names, and ends itself with SIGKILL there.
"""

import functools
import importlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

FILE: Final = "CHAOS_STEP_FILE"
"""The environment variable that names the file."""

_COMMIT_TAKES_S: Final = 0.01
"""A commit takes about this long: a kill at step 7 comes at a random moment of it, also after its request is sent."""


class KillPoint:
    """The file that arms a step."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._in_use = False
        self._used_s = 0.0

    def arm(self, step: int) -> None:
        """Let the worker die at its next `step`."""
        self._in_use = True
        written = self.file.with_suffix(".new")
        written.write_text(str(step), encoding="ascii")
        written.replace(self.file)

    def disarm(self) -> None:
        """Let the worker live."""
        self.file.unlink(missing_ok=True)
        self._in_use, self._used_s = False, time.monotonic()

    def used_since(self, moment_s: float) -> bool:
        """Return whether a step was armed at any time since this moment of `time.monotonic`."""
        return self._in_use or self._used_s >= moment_s

    @property
    def armed(self) -> bool:
        """Whether the worker has not reached the step yet."""
        return self.file.exists()

    def reached(self, step: int) -> None:
        """End this process if `step` is armed."""
        if self._taken(step):
            end_process()

    def reached_commit(self) -> None:
        """End this process soon if step 7 is armed, during the commit that begins now or right after the commit."""
        if self._taken(7):
            threading.Timer(random.uniform(0, _COMMIT_TAKES_S), end_process).start()

    def _taken(self, step: int) -> bool:
        with suppress(FileNotFoundError):
            if self.file.read_text(encoding="ascii") == str(step):
                self.file.unlink()
                return True
        return False


def end_process() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def install(point: KillPoint) -> None:
    """Put kill points into the worker of this process, one for each step from 1 to 8."""
    loop, stream = worker_module("worker.loop").Loop, worker_module("worker.kafka.stream").KafkaStream
    producer = worker_module("worker.kafka.producer").ResultProducer
    after(stream, "restore", lambda _: point.reached(1))
    after(stream, "poll", lambda polled: point.reached(2) if polled.records else None)
    before(worker_module("worker.labelling").Labeller, "label", lambda: point.reached(3))
    after(worker_module("worker.inference.classifier").Classifier, "classify", lambda _: point.reached(4))
    after(producer, "_send_until_error", lambda _: point.reached(5))
    after(producer, "send", lambda _: point.reached(6))
    before(producer, "commit", point.reached_commit)
    before(loop, "_adopt", lambda: point.reached(8))


def worker_module(name: str) -> Any:
    """Import a module of the worker whose names are not its interface."""
    return importlib.import_module(name)


def before(owner: Any, name: str, call: Callable[[], None]) -> None:
    """Make the method call `call` first."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def method(*arguments: Any, **options: Any) -> Any:
        call()
        return original(*arguments, **options)

    setattr(owner, name, method)


def after(owner: Any, name: str, call: Callable[[Any], None]) -> None:
    """Make the method call `call` with its result."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def method(*arguments: Any, **options: Any) -> Any:
        result = original(*arguments, **options)
        call(result)
        return result

    setattr(owner, name, method)
