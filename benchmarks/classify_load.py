"""POST /classify under load: many clients that each wait for their answer, against one client that does.

    python -m benchmarks.classify_load --clients 50 --seconds 30

Every request carries one text of the shipped sample, and every label is compared with what the classifier gives on
its own. The last line on stdout is one JSON object; the exit code is 1 unless all that was promised holds.
"""

import argparse
import http.client
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from benchmarks.page_server import page_server
from tweets.datasets import SAMPLE, read_rows
from worker.inference.classifier import load_classifier
from worker.process.option_types import positive
from worker.settings import load_settings

TEXTS_PER_CALL: Final = 8
ALONE_SHARE: Final = 1 / 3
TEXTS: Final = 1_000
ANSWER_LIMIT_S: Final = 30.0


@dataclass
class Tally:
    """What one client, or all of them, saw; `seconds` is each answer's time."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    other_labels: int = 0

    def add(self, other: "Tally") -> None:
        """Counts another one in."""
        self.seconds += other.seconds
        self.errors += other.errors
        self.other_labels += other.other_labels


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; returns 0 if everything holds."""
    options = _options(arguments)
    expected = _expected(TEXTS)
    print(f"{len(expected)} texts labelled by the classifier alone; starting the page's server ...", file=sys.stderr)
    with page_server() as server:
        _load(server, expected, clients=options.clients, seconds=2)  # until everything is warm
        alone, alone_s, _ = _load(server, expected, clients=1, seconds=options.seconds * ALONE_SHARE)
        together, together_s, calls = _load(server, expected, clients=options.clients, seconds=options.seconds)
    result = _result(options, together, calls) | {
        "requests_per_second": round(len(together.seconds) / together_s, 1),
        "one_client_requests_per_second": round(len(alone.seconds) / alone_s, 1),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }
    result["holds"] = _holds(result)
    print(json.dumps(result), flush=True)
    return 0 if result["holds"] else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classify_load", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--clients", type=positive, default=50, help="clients at the same time (50)")
    parser.add_argument("--seconds", type=positive, default=30, help="how long they go on (30)")
    return parser.parse_args(arguments)


def _expected(number: int) -> dict[str, str]:
    settings = load_settings()
    texts = list(dict.fromkeys(row.text for row in islice(read_rows(SAMPLE, "test"), number)))
    classifier = load_classifier(settings.model_path, device=settings.device, max_tokens=settings.batch_max_tokens)
    return {text: label.emotion for text, label in zip(texts, classifier.classify(texts), strict=True)}


def _load(
    server: tuple[str, int], expected: Mapping[str, str], *, clients: int, seconds: float
) -> tuple[Tally, float, Mapping[str, int]]:
    """What the clients saw, how long it took, and the model's calls and texts meanwhile."""
    before, started_s = _stats(server), time.perf_counter()
    total, lock = Tally(), threading.Lock()

    def client(number: int) -> None:
        tally = _client(server, expected, first=number * len(expected) // clients, ends_at_s=started_s + seconds)
        with lock:
            total.add(tally)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s, after = time.perf_counter() - started_s, _stats(server)
    return total, took_s, {name: after[name] - before[name] for name in before}


def _client(server: tuple[str, int], expected: Mapping[str, str], *, first: int, ends_at_s: float) -> Tally:
    """Sends one text after the other, each as soon as the last one is answered."""
    tally, texts, number = Tally(), list(expected), first
    connection = http.client.HTTPConnection(*server, timeout=ANSWER_LIMIT_S)
    while (started_s := time.perf_counter()) < ends_at_s:
        text = texts[number % len(texts)]
        number += 1
        try:
            status, answer = _ask(connection, "POST", "/classify", {"text": text})
        except (OSError, http.client.HTTPException, ValueError) as error:
            tally.errors.append(f"{type(error).__name__}: {error}")
            connection.close()
            continue
        tally.seconds.append(time.perf_counter() - started_s)
        if status != http.HTTPStatus.OK:
            tally.errors.append(f"{status}: {answer.get('error')}")
        elif answer["emotion"] != expected[text]:
            tally.other_labels += 1
    connection.close()
    return tally


def _stats(server: tuple[str, int]) -> dict[str, int]:
    connection = http.client.HTTPConnection(*server, timeout=ANSWER_LIMIT_S)
    _, stats = _ask(connection, "GET", "/stats")
    connection.close()
    return stats


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, content: Mapping[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    body = None if content is None else json.dumps(content)
    connection.request(method, path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def _result(options: argparse.Namespace, together: Tally, calls: Mapping[str, int]) -> dict[str, Any]:
    ranked = sorted(together.seconds) or [0.0]
    return {
        "clients": options.clients,
        "seconds": options.seconds,
        "requests": len(together.seconds),
        "errors": len(together.errors),
        "first_error": together.errors[0] if together.errors else None,
        "other_labels": together.other_labels,
        "model_calls": calls["model_calls"],
        "texts_per_model_call": round(calls["texts"] / max(1, calls["model_calls"]), 2),
        "latency_ms": {
            f"p{percent}": round(1000 * ranked[(len(ranked) * percent) // 100], 1) for percent in (50, 95, 99)
        },
    }


def _holds(result: Mapping[str, Any]) -> bool:
    return bool(
        result["requests"]
        and not result["errors"]
        and not result["other_labels"]
        and result["texts_per_model_call"] >= TEXTS_PER_CALL
        and result["requests_per_second"] >= result["one_client_requests_per_second"]
    )


if __name__ == "__main__":
    sys.exit(main())
