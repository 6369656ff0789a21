"""Build a dashboard from rows of panels: positions, ids, links and the JSON that Grafana loads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard as DashboardBuilder
from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.builders.dashboard import Row as RowBuilder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard, DashboardCursorSync, DashboardLinkType

from deploy.grafana.panels import Panel

TAG: Final = "emotion-stream"


@dataclass(frozen=True, slots=True)
class PanelRow:
    """Panels from left to right, which wrap after 24 columns; a row without a title has no heading."""

    title: str
    panels: Sequence[Panel]


def new_dashboard(uid: str, title: str, description: str, *, since: str, refresh: str) -> DashboardBuilder:
    """Return an empty dashboard with the time range `since` (such as now-1h) to now and a refresh interval."""
    siblings = DashboardLink("Dashboards").type(DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True)
    return (
        DashboardBuilder(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .time(since, "now")
        .timezone("browser")
        .refresh(refresh)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(siblings)
    )


def filled(dashboard: DashboardBuilder, rows: Sequence[PanelRow]) -> Dashboard:
    """Return the finished dashboard; the ids of its panels follow their order."""
    for row in rows:
        if row.title:
            dashboard.with_row(RowBuilder(row.title))
        for panel in row.panels:
            dashboard.with_panel(panel)
    built = dashboard.build()
    for number, placed in enumerate(built.panels or [], start=1):
        placed.id_val = number
    return built


def to_json(dashboard: Dashboard) -> str:
    """Return the JSON with sorted keys: the order in which the library writes keys must not change the file."""
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
