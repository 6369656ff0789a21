"""The kinds of panels that the dashboards are made of, each set up in one way."""

from typing import Final, NamedTuple, TypeVar

from grafana_foundation_sdk.builders import bargauge, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.heatmap import HeatmapColorOptions, YAxisConfig
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TableCellBackgroundDisplayMode,
    TableColoredBackgroundCellOptions,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.palette import BLUE, RED, colours_of

DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="prometheus")
"""The uid is the one in provisioning/datasources."""

PER_SECOND: Final = "suffix:/s"
SHARE: Final = "percentunit"

Panel = timeseries.Panel | stat.Panel | bargauge.Panel | heatmap.Panel | table.Panel
_PanelT = TypeVar("_PanelT", timeseries.Panel, stat.Panel, bargauge.Panel, heatmap.Panel, table.Panel)
_ColouredT = TypeVar("_ColouredT", timeseries.Panel, stat.Panel, bargauge.Panel)


class View(NamedTuple):
    """What a panel says of itself; `width` is of 24 columns, `unit` one of Grafana's."""

    title: str
    description: str
    unit: str
    width: int
    height: int = 9


class Query(NamedTuple):
    """PromQL, and what its series are called."""

    expr: str
    legend: str


def number(view: View, query: Query, *, over_range: bool = False, good: float | None = None) -> stat.Panel:
    """One figure: the newest with its course behind it, or (`over_range`) one for the whole time that is shown.

    It turns red above `good`.
    """
    panel = _dressed(stat.Panel(), view).with_target(_target(query, "A", instant=over_range))
    limits = [Threshold(value=None, color=BLUE)] + ([] if good is None else [Threshold(value=good, color=RED)])
    return (
        panel.graph_mode(BigValueGraphMode.NONE if over_range else BigValueGraphMode.AREA)
        .color_mode(BigValueColorMode.VALUE)
        .reduce_options(_newest())
        .thresholds(_thresholds(limits))
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    )


def name(view: View, query: Query) -> stat.Panel:
    """The name of one series in its colour."""
    panel = _dressed(stat.Panel(), view).with_target(_target(query, "A", instant=True))
    panel.graph_mode(BigValueGraphMode.NONE).color_mode(BigValueColorMode.VALUE).text_mode(BigValueTextMode.NAME)
    return _coloured(panel.reduce_options(_newest()), query)


def lines(
    view: View,
    *queries: Query,
    stacked: bool = False,
    signed: bool = False,
    limit: float | None = None,
    top: float | None = None,
) -> timeseries.Panel:
    """Lines over time, or areas on top of each other; a dashed line at `limit`.

    The axis begins at 0, unless values may be negative (`signed`), and ends at `top`.
    """
    panel = _dressed(timeseries.Panel(), view)
    for ref_id, query in zip("ABCDEF", queries, strict=False):
        panel.with_target(_target(query, ref_id))
    panel.line_width(1 if stacked else 2).fill_opacity(60 if stacked else 8).show_points(VisibilityMode.NEVER)
    panel.legend(_legend()).tooltip(
        VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING).hide_zeros(stacked)
    )
    if stacked:
        panel.stacking(StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if not signed:
        panel.min(0)
    if top is not None:
        panel.max(top)
    if limit is not None:
        panel.thresholds(_thresholds([Threshold(value=None, color="transparent"), Threshold(value=limit, color=RED)]))
        panel.thresholds_style(GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
    return _coloured(panel, *queries)


def bars(view: View, query: Query, *, top: float | None = None) -> bargauge.Panel:
    """A bar for each series, over the time that is shown; full at `top`, else at the longest."""
    panel = _dressed(bargauge.Panel(), view).with_target(_target(query, "A", instant=True)).min(0)
    panel.orientation(VizOrientation.HORIZONTAL).display_mode(BarGaugeDisplayMode.BASIC).reduce_options(_newest())
    return _coloured(panel if top is None else panel.max(top), query)


def distribution(view: View, query: Query) -> heatmap.Panel:
    """A histogram's buckets over time: the darker, the more."""
    target = _target(query, "A").format(PromQueryFormat.HEATMAP)
    colour = HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").fill("blue").steps(64)
    colour.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5).reverse(False)
    return (
        _dressed(heatmap.Panel(), view)
        .with_target(target)
        .calculate(False)
        .color(colour)
        .y_axis(YAxisConfig().unit(view.unit))
        .show_y_histogram()
    )


def matrix(view: View, query: Query, *, row: str, column: str) -> table.Panel:
    """A table of shares with a label's values as rows and another's as columns: the darker, the larger."""
    shape = {"rowField": row, "columnField": column, "valueField": "Value", "emptyValue": "empty"}
    plain = DynamicConfigValue(id_val="custom.cellOptions", value={"type": "auto"})
    return (
        _table(view, query)
        .with_transformation(DataTransformerConfig(id_val="groupingToMatrix", options=shape))
        .min(0)
        .max(1)
        .decimals(0)
        .color_scheme(FieldColor().mode(FieldColorModeId.CONTINUOUS_BLUES))
        .cell_options(TableColoredBackgroundCellOptions(mode=TableCellBackgroundDisplayMode.GRADIENT))
        .override_by_name(f"{row}\\{column}", [plain])
    )


def labels(view: View, query: Query, *columns: str) -> table.Panel:
    """A table of a metric's labels, in this order."""
    options = {
        "indexByName": {column: place for place, column in enumerate(columns)},
        "excludeByName": dict.fromkeys(("Time", "Value", "__name__", "job"), True),
    }
    return _table(view, query).with_transformation(DataTransformerConfig(id_val="organize", options=options))


def _table(view: View, query: Query) -> table.Panel:
    target = _target(query, "A", instant=True).format(PromQueryFormat.TABLE)
    return _dressed(table.Panel(), view).with_target(target)


def _dressed(panel: _PanelT, view: View) -> _PanelT:
    return (
        panel.title(view.title)
        .description(view.description)
        .unit(view.unit)
        .span(view.width)
        .height(view.height)
        .datasource(DATASOURCE)
        .no_value("none")
    )


def _coloured(panel: _ColouredT, *queries: Query) -> _ColouredT:
    panel.color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    for series, colour in colours_of(query.legend for query in queries).items():
        fixed = DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})
        panel.override_by_name(series, [fixed])
    return panel


def _target(query: Query, ref_id: str, *, instant: bool = False) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(ref_id).datasource(DATASOURCE).expr(query.expr).legend_format(query.legend)
    return target.instant() if instant else target.range()


def _legend() -> VizLegendOptions:
    return VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)


def _newest() -> ReduceDataOptions:
    return ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def _thresholds(steps: list[Threshold]) -> ThresholdsConfig:
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
