"""A peer that labels texts: a process that waits between its rounds."""

import json
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, cast

from benchmarks.suite.environments import ROOT, environment_variables
from benchmarks.suite.errors import BenchmarkError, SkippedError

#: Loading may convert and calibrate a model; a round takes seconds.
_LOAD_LIMIT_S: Final = 300.0
_ROUND_LIMIT_S: Final = 120.0

#: A peer ends by itself when its stdin ends.
_END_LIMIT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Round:
    """One round: `work` texts, or what else the contender counts, in `seconds`."""

    seconds: float
    work: float

    @property
    def rate(self) -> float:
        """Work a second."""
        return self.work / self.seconds


class OwnEngineError(BenchmarkError):
    """This project's own engine fails, without which there is nothing to compare."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"this project's own engine fails: {reason}")


def peer_command(module: str, python: Path | None = None) -> list[str]:
    """Return the command of a module of `benchmarks.peers`; without `python`, by the benchmark's own interpreter."""
    return [str(python or sys.executable), "-m", f"benchmarks.peers.{module}"]


class Peer:
    """A process that speaks the protocol of a peer. Methods raise `failure` with the reason if the process fails."""

    def __init__(self, command: Sequence[str], log: Path, failure: type[Exception] = SkippedError) -> None:
        self._failure = failure
        self.contenders: Sequence[str] = ()
        self.versions: Mapping[str, str] = {}
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=ROOT,
                env=environment_variables(),
                text=True,
                encoding="utf-8",
            )
        self._requests, self._answers = cast(IO[str], self._process.stdin), cast(IO[str], self._process.stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def load(self, model: Path, samples: Sequence[str]) -> None:
        """Load the model; `contenders` and `versions` are known afterwards."""
        answer = self._ask({"load": {"model": str(model), "samples": list(samples)}}, _LOAD_LIMIT_S)
        self.contenders, self.versions = answer["contenders"], answer["versions"]

    def round(self, contender: str, texts: Sequence[str]) -> Round:
        """Let one contender label the texts."""
        return Round(**self._ask({"round": contender, "texts": list(texts)}, _ROUND_LIMIT_S))

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):
            self._requests.close()
        try:
            self._process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()

    def _ask(self, request: Mapping[str, Any], limit_s: float) -> dict[str, Any]:
        try:
            self._requests.write(json.dumps(request) + "\n")
            self._requests.flush()
        except BrokenPipeError:
            raise self._failure(self._end()) from None
        if not select.select([self._answers], [], [], limit_s)[0]:
            self._process.kill()
            raise self._failure(f"no answer within {limit_s:g} s")
        line = self._answers.readline()
        if not line:
            raise self._failure(self._end())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise self._failure(answer["error"])
        return answer

    def _end(self) -> str:
        code = self._process.wait(_END_LIMIT_S)
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"ended with exit code {code} ({lines[-1].strip()[:200] if lines else 'no output'})"
