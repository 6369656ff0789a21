"""The seconds of each stage of `bundle`, kept in a file beside the runs, and the sentence about them in the card."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from training.learn.run_folder import RUN_FILE
from training.output.json_file import write_json
from training.output.progress import say
from training.output.provenance import provenance

SECONDS_FILE: Final = "bundle.json"
"""Beside the runs: the seconds of each stage, over all its interrupted and resumed calls."""


class Clock:
    """The seconds of each stage: those of all calls that an error or Ctrl-C ended, and of the call that finished it.

    A call that was killed leaves no seconds.
    """

    def __init__(self, runs: Path, stages: Sequence[str], now: Callable[[], float] = time.monotonic) -> None:
        """Read the seconds of earlier calls, if there are any; `now` returns seconds from any start."""
        self._runs = runs
        self._file = runs / SECONDS_FILE
        self._stages = tuple(stages)
        self._now = now
        self._kept = _read(self._file)

    @property
    def seconds(self) -> dict[str, float]:
        """Return the seconds of each finished stage, in the order of the stages; of no other run in the folder."""
        return {stage: self._kept["seconds"][stage] for stage in self._stages if stage in self._kept["seconds"]}

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Measure the block of a stage. A block that keeps the finished run of an earlier call changes no seconds."""
        written, began_s = self._written(stage), self._now()
        finished, unfinished = self._kept["seconds"], self._kept["unfinished"]
        try:
            yield
        except BaseException:
            unfinished[stage] = round(unfinished.get(stage, 0.0) + self._now() - began_s, 1)
            self._write()
            raise
        earlier_s = unfinished.pop(stage, 0.0)
        if self._written(stage) != written:
            finished[stage] = round(earlier_s + self._now() - began_s, 1)
        self._write()

    def _write(self) -> None:
        self._runs.mkdir(parents=True, exist_ok=True)
        write_json(self._file, {**self._kept, "hardware": provenance()["hardware"]})

    def _written(self, stage: str) -> int | None:
        """Return when the run of a stage was written, None without such a run."""
        file = self._runs / stage / RUN_FILE
        return file.stat().st_mtime_ns if file.is_file() else None

    def sentence_at_the_end_of(self, last: str) -> Callable[[], str]:
        """Return the function whose result is a sentence for the card; the step `last` begins now, and ends then."""
        began_s = self._now()

        def sentence() -> str:
            hardware = provenance()["hardware"]
            machine = ", ".join(hardware["gpus"]) or f"{hardware['cores']} cores of {hardware['cpu']}"
            seconds = {**self.seconds, last: self._now() - began_s}
            each = ", ".join(f"{stage} {stage_s:,.0f} s" for stage, stage_s in seconds.items())
            unknown = [stage for stage in self._stages if stage not in seconds]
            without = f", without {', '.join(unknown)}, whose time is unknown," if unknown else ""
            return f"`make train` took {sum(seconds.values()):,.0f} s{without} ({each}) on {machine}."

        return sentence


def _read(file: Path) -> dict[str, dict[str, float]]:
    """Return the seconds in the file by stage, none for what cannot be read."""
    found: Any = {}
    if file.is_file():
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            say(f"{file}: cannot be read ({type(error).__name__}); the seconds of finished stages are unknown")
    return {name: _numbers(found.get(name) if isinstance(found, dict) else None) for name in ("seconds", "unfinished")}


def _numbers(found: Any) -> dict[str, float]:
    items = found.items() if isinstance(found, Mapping) else ()
    return {name: float(value) for name, value in items if isinstance(value, int | float)}
