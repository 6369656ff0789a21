"""A real Prometheus with the shipped configuration, hurried, that scrapes given workers."""

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

_HURRIED: Final = {"interval: 15s": "interval: 1s", "interval: 1m": "interval: 1s", "offset 1h": "offset 1s"}
_TIMEOUT_S: Final = 10.0


class PrometheusServer:
    """Scrapes and evaluates every second; the past of an hour ago is that of a second ago."""

    def __init__(self, folder: Path, workers: Sequence[str]) -> None:
        """`workers`: their addresses, host:port, on hosts that differ. The data lies in `folder`."""
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
        """Whether it answers; raises LocalError if it has ended."""
        self.child.check()
        return answers(self.port, "/-/ready")

    def instant(self, expr: str) -> list[float]:
        """The value of each series now."""
        return [float(series["value"][1]) for series in self._get("query", query=expr)["result"]]

    def course(self, expr: str, seconds: int = 20) -> list[float]:
        """All values of all series of the last seconds."""
        now = time.time()
        found = self._get("query_range", query=expr, start=now - seconds, end=now, step=1)["result"]
        return [float(value) for series in found for _, value in series["values"]]

    def has_data(self, expr: str, *, instant: bool) -> bool:
        """Whether a query returns values, all of them finite numbers."""
        values = self.instant(expr) if instant else self.course(expr)
        return bool(values) and all(math.isfinite(value) for value in values)

    def rules(self) -> list[dict[str, Any]]:
        """All rules with what became of their last evaluation."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, what: str, **parameters: object) -> dict[str, Any]:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(
            f"http://{LOOPBACK}:{self.port}/api/v1/{what}?{query}", timeout=_TIMEOUT_S
        ) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
            return data


def _configured(folder: Path, workers: Sequence[str]) -> Path:
    """Writes the configuration and its rules; the workers are named instead of asked for by DNS."""
    configuration = content(FOLDER / "prometheus.yml")
    (job,) = [job for job in configuration["scrape_configs"] if job["job_name"] == "worker"]
    del job["dns_sd_configs"]
    job |= {"static_configs": [{"targets": list(workers)}], "scrape_interval": "1s", "scrape_timeout": "1s"}
    configuration["scrape_configs"] = [job]
    (folder / "rules").mkdir(parents=True)
    for path in RULES:
        (folder / "rules" / path.name).write_text(_hurried(path.read_text(encoding="utf-8")), encoding="utf-8")
    written = folder / "prometheus.yml"
    written.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return written


def _hurried(text: str) -> str:
    for slow, quick in _HURRIED.items():
        text = text.replace(slow, quick)
    return text
