"""The dashboards in the repository, their panels and their queries."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[2] / "deploy/grafana"
BOARDS: Final = sorted(FOLDER.glob("dashboards/*.json"))

_VARIABLES: Final = {"$__rate_interval": "1m", "$__range": "5m", "$instance": ".*", "$subject": ".*"}


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel with values for the dashboard's variables; `where` names dashboard, panel and query."""

    where: str
    expr: str
    instant: bool


def board(path: Path) -> dict[str, Any]:
    """Return a dashboard as parsed JSON."""
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def panels(path: Path) -> list[dict[str, Any]]:
    """Return the panels of a dashboard without the headings of rows."""
    return [panel for panel in board(path)["panels"] if panel["type"] != "row"]


def expressions(path: Path) -> list[str]:
    """Return the queries of a dashboard as written, with variables."""
    return [target["expr"] for panel in panels(path) for target in panel["targets"]]


def targets(path: Path) -> list[Target]:
    """Return the queries of a dashboard as Grafana would send them."""
    return [
        Target(f"{path.stem}: {panel['title']} ({target['refId']})", _filled(target["expr"]), bool(target["instant"]))
        for panel in panels(path)
        for target in panel["targets"]
    ]


def _filled(expr: str) -> str:
    filled = re.sub(r"\$\w+", lambda found: _VARIABLES[found[0]] if found[0] != "$1" else "$1", expr)
    assert "[$" not in filled
    return filled
