"""A real Prometheus with the configuration of the repository, except for shorter intervals and given workers."""

import json
import math
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from deploy.local.children import Child
from deploy.local.metrics import answers
from deploy.local.ports import LOOPBACK
from tests.deploy.promtool import FOLDER, RULES, content
from tests.ports import free_ports

_SHORTER: Final = {
    "interval: 15s": "interval: 1s",
    "interval: 1m": "interval: 1s",
    "offset 1h": "offset 1s",
    "offset 10m": "offset 1s",
}
#: One request to a Prometheus on this machine; a busy machine may need seconds.
_TIMEOUT_S: Final = 10.0


class PrometheusServer:
    """A Prometheus that scrapes and evaluates every second; an offset is one second."""

    def __init__(self, folder: Path, workers: Sequence[str]) -> None:
        """Start Prometheus with its data in `folder`; `workers` are addresses host:port with different hosts."""
        (self.port,) = free_ports(1)
        self.child = Child(
            "prometheus", self._command(folder, _configured(folder, workers)), env={}, log=folder / "log", stop_s=10
        )

    def _command(self, folder: Path, configuration: Path) -> list[str]:
        program = shutil.which("prometheus")
        assert program is not None, "prometheus is not installed (Debian: apt-get install prometheus)"
        return [
            program,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self.port}",
        ]

    def ready(self) -> bool:
        """Return whether Prometheus answers. Raises LocalError if Prometheus has ended."""
        self.child.check()
        return answers(self.port, "/-/ready")

    def instant(self, expr: str) -> list[float]:
        """Return the current value of each series of a query."""
        return [float(series["value"][1]) for series in self._get("query", query=expr)["result"]]

    def course(self, expr: str, seconds: int = 20) -> list[float]:
        """Return all values of all series of a query in the last `seconds`."""
        now = time.time()
        found = self._get("query_range", query=expr, start=now - seconds, end=now, step=1)["result"]
        return [float(value) for series in found for _, value in series["values"]]

    def has_data(self, expr: str, *, instant: bool) -> bool:
        """Return whether a query returns values, all of them finite numbers."""
        values = self.instant(expr) if instant else self.course(expr)
        return bool(values) and all(math.isfinite(value) for value in values)

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules; their `health` is ok, err, or unknown before the first evaluation."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, what: str, **parameters: object) -> dict[str, Any]:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(
            f"http://{LOOPBACK}:{self.port}/api/v1/{what}?{query}", timeout=_TIMEOUT_S
        ) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
            return data


def _configured(folder: Path, workers: Sequence[str]) -> Path:
    """Write the configuration and the rules; a list of workers replaces the DNS discovery."""
    configuration = content(FOLDER / "prometheus.yml")
    (job,) = [job for job in configuration["scrape_configs"] if job["job_name"] == "worker"]
    del job["dns_sd_configs"]
    job |= {"static_configs": [{"targets": list(workers)}], "scrape_interval": "1s", "scrape_timeout": "1s"}
    configuration["scrape_configs"] = [job]
    (folder / "rules").mkdir(parents=True)
    for path in RULES:
        (folder / "rules" / path.name).write_text(_shortened(path.read_text(encoding="utf-8")), encoding="utf-8")
    written = folder / "prometheus.yml"
    written.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return written


def _shortened(text: str) -> str:
    for long, short in _SHORTER.items():
        text = text.replace(long, short)
    return text
