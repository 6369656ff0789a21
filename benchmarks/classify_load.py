"""Load test of POST /classify: many clients that each wait for their answer, compared with one such client.

    python -m benchmarks.classify_load --clients 50 --seconds 30

Every request carries one text of the bundled sample, and every label in an answer is compared with the label that the
classifier gives directly. The last line on stdout is one JSON object. Its field `holds`, and exit code 0, mean: no
errors, no different labels, at least TEXTS_PER_CALL texts per call of the model, and at least the throughput of one
client.
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

#: Fewer texts per call of the model would mean that waiting requests are not batched.
TEXTS_PER_CALL: Final = 8

#: One client needs less time for a stable rate than many clients for a stable 99th percentile.
ALONE_SHARE: Final = 1 / 3

#: An upper limit for the texts that are labelled before the measurement; the sample has 700.
TEXTS: Final = 1_000

#: A request that takes longer counts as an error.
ANSWER_LIMIT_S: Final = 30.0

#: Load before the measurement: connections are open and the engine has seen every batch size.
WARM_UP_S: Final = 2.0


@dataclass
class ClientAnswers:
    """The answers to one client, or to all of them; `seconds` has the time of each answer."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    other_labels: int = 0

    def add(self, other: "ClientAnswers") -> None:
        """Add the answers to another client."""
        self.seconds += other.seconds
        self.errors += other.errors
        self.other_labels += other.other_labels


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 if everything holds, else 1."""
    options = _options(arguments)
    expected = _expected(TEXTS)
    print(f"the classifier alone has labelled {len(expected)} texts; starting the live page ...", file=sys.stderr)
    with page_server() as server:
        _load(server, expected, clients=options.clients, seconds=WARM_UP_S)
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
    parser.add_argument(
        "--clients", type=positive, default=50, help="number of clients that send at the same time (%(default)s)"
    )
    parser.add_argument("--seconds", type=positive, default=30, help="seconds of load (%(default)s)")
    return parser.parse_args(arguments)


def _expected(number: int) -> dict[str, str]:
    settings = load_settings()
    texts = list(dict.fromkeys(row.text for row in islice(read_rows(SAMPLE, "test"), number)))
    classifier = load_classifier(settings.model_path, device=settings.device, max_tokens=settings.batch_max_tokens)
    return {text: label.emotion for text, label in zip(texts, classifier.classify(texts), strict=True)}


def _load(
    server: tuple[str, int], expected: Mapping[str, str], *, clients: int, seconds: float
) -> tuple[ClientAnswers, float, Mapping[str, int]]:
    """Return the answers, the seconds that the load took, and the number of model calls and texts meanwhile."""
    before, started_s = _stats(server), time.perf_counter()
    total, lock = ClientAnswers(), threading.Lock()

    def client(number: int) -> None:
        answers = _client(server, expected, first=number * len(expected) // clients, ends_at_s=started_s + seconds)
        with lock:
            total.add(answers)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s, after = time.perf_counter() - started_s, _stats(server)
    return total, took_s, {name: after[name] - before[name] for name in before}


def _client(server: tuple[str, int], expected: Mapping[str, str], *, first: int, ends_at_s: float) -> ClientAnswers:
    """Send one text after the other, each as soon as the last request is answered."""
    answers, texts, number = ClientAnswers(), list(expected), first
    connection = http.client.HTTPConnection(*server, timeout=ANSWER_LIMIT_S)
    while (started_s := time.perf_counter()) < ends_at_s:
        text = texts[number % len(texts)]
        number += 1
        try:
            status, answer = _ask(connection, "POST", "/classify", {"text": text})
        except (OSError, http.client.HTTPException, ValueError) as error:
            answers.errors.append(f"{type(error).__name__}: {error}")
            connection.close()
            continue
        answers.seconds.append(time.perf_counter() - started_s)
        if status != http.HTTPStatus.OK:
            answers.errors.append(f"{status}: {answer.get('error')}")
        elif answer["emotion"] != expected[text]:
            answers.other_labels += 1
    connection.close()
    return answers


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


def _result(options: argparse.Namespace, together: ClientAnswers, calls: Mapping[str, int]) -> dict[str, Any]:
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
