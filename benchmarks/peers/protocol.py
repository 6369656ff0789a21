"""The protocol of a peer that labels texts: one JSON object a line on stdin, one answer a line on stdout.

    {"load": {"model": "worker/model", "samples": ["…"]}}   ->  {"contenders": ["…"], "versions": {"…": "…"}}
    {"round": "a contender", "texts": ["…"]}                ->  {"seconds": 1.5, "work": 1000}

`work` is the number of texts, or what a contender that labels nothing returns. An error is {"error": "one line"}. The
benchmark sends the requests, so that rounds of several peers follow each other while the other peers wait.
"""

import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Contender = Callable[[Sequence[str]], float | None]
"""Labels the texts; returns the work done, or None for the number of texts."""


@dataclass(frozen=True, slots=True)
class Loading:
    """What a peer loads: a model folder, and texts like those of the rounds, for calibration."""

    model: str
    samples: Sequence[str]


def serve(load: Callable[[Loading], Mapping[str, Contender]], packages: Sequence[str]) -> None:
    """Answer requests until stdin ends; `packages` are those whose versions a reader of the results wants to know."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the libraries print
    contenders: Mapping[str, Contender] = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "load" in request:
                contenders = load(Loading(**request["load"]))
                versions = {name: importlib.metadata.version(name) for name in packages}
                answer: dict[str, Any] = {"contenders": list(contenders), "versions": versions}
            else:
                answer = _round(contenders[request["round"]], request["texts"])
        except Exception as error:  # the libraries document none; the benchmark skips the peer and names the reason
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
        print(json.dumps(answer), file=answers, flush=True)


def _round(contender: Contender, texts: Sequence[str]) -> dict[str, float]:
    started_s = time.perf_counter()
    work = contender(texts)
    return {"seconds": time.perf_counter() - started_s, "work": len(texts) if work is None else work}
