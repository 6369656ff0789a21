"""The kinds of panels in the dashboards: one function per kind."""

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
"""Grafana's unit for 0 to 1, shown as percent."""

Panel = timeseries.Panel | stat.Panel | bargauge.Panel | heatmap.Panel | table.Panel
_PanelT = TypeVar("_PanelT", timeseries.Panel, stat.Panel, bargauge.Panel, heatmap.Panel, table.Panel)
_ColouredT = TypeVar("_ColouredT", timeseries.Panel, stat.Panel, bargauge.Panel)


class PanelOptions(NamedTuple):
    """Title, description and unit of a panel, in Grafana's terms; `width` of 24 columns, `height` in grid units."""

    title: str
    description: str
    unit: str
    width: int
    height: int = 9


class Query(NamedTuple):
    """A PromQL expression and the legend of its series: a name or a template `{{label}}`."""

    expr: str
    legend: str


def number(options: PanelOptions, query: Query, *, over_range: bool = False, good: float | None = None) -> stat.Panel:
    """Return a stat panel: the last value with a sparkline, or (`over_range`) one value for the whole time range.

    The value turns red above `good`.
    """
    panel = _with_options(stat.Panel(), options).with_target(_target(query, "A", instant=over_range))
    limits = [Threshold(value=None, color=BLUE)] + ([] if good is None else [Threshold(value=good, color=RED)])
    return (
        panel.graph_mode(BigValueGraphMode.NONE if over_range else BigValueGraphMode.AREA)
        .color_mode(BigValueColorMode.VALUE)
        .reduce_options(_newest())
        .thresholds(_thresholds(limits))
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    )


def name(options: PanelOptions, query: Query) -> stat.Panel:
    """Return a stat panel with the name of one series in its colour."""
    panel = _with_options(stat.Panel(), options).with_target(_target(query, "A", instant=True))
    panel.graph_mode(BigValueGraphMode.NONE).color_mode(BigValueColorMode.VALUE).text_mode(BigValueTextMode.NAME)
    return _coloured(panel.reduce_options(_newest()), query)


def lines(
    options: PanelOptions,
    *queries: Query,
    stacked: bool = False,
    signed: bool = False,
    limit: float | None = None,
    top: float | None = None,
) -> timeseries.Panel:
    """Return a time series panel with lines or (`stacked`) stacked areas, and a dashed line at `limit`.

    The axis starts at 0, unless values may be negative (`signed`), and ends at `top`.
    """
    panel = _with_options(timeseries.Panel(), options)
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


def bars(options: PanelOptions, query: Query, *, top: float | None = None) -> bargauge.Panel:
    """Return a bar gauge with one bar per series for the whole time range; `top` is the value of a full bar."""
    panel = _with_options(bargauge.Panel(), options).with_target(_target(query, "A", instant=True)).min(0)
    panel.orientation(VizOrientation.HORIZONTAL).display_mode(BarGaugeDisplayMode.BASIC).reduce_options(_newest())
    return _coloured(panel if top is None else panel.max(top), query)


def distribution(options: PanelOptions, query: Query) -> heatmap.Panel:
    """Return a heatmap of a histogram's buckets over time; darker cells have more observations."""
    target = _target(query, "A").format(PromQueryFormat.HEATMAP)
    colour = HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").fill("blue").steps(64)
    colour.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5).reverse(False)
    return (
        _with_options(heatmap.Panel(), options)
        .with_target(target)
        .calculate(False)
        .color(colour)
        .y_axis(YAxisConfig().unit(options.unit))
        .show_y_histogram()
    )


def matrix(options: PanelOptions, query: Query, *, row: str, column: str) -> table.Panel:
    """Return a table of shares by the values of the labels `row` and `column`; darker cells have larger shares."""
    shape = {"rowField": row, "columnField": column, "valueField": "Value", "emptyValue": "empty"}
    plain = DynamicConfigValue(id_val="custom.cellOptions", value={"type": "auto"})
    return (
        _table(options, query)
        .with_transformation(DataTransformerConfig(id_val="groupingToMatrix", options=shape))
        .min(0)
        .max(1)
        .decimals(0)
        .color_scheme(FieldColor().mode(FieldColorModeId.CONTINUOUS_BLUES))
        .cell_options(TableColoredBackgroundCellOptions(mode=TableCellBackgroundDisplayMode.GRADIENT))
        .override_by_name(f"{row}\\{column}", [plain])
    )


def labels(options: PanelOptions, query: Query, *columns: str) -> table.Panel:
    """Return a table of a metric's labels, in the order of `columns`."""
    transformation = {
        "indexByName": {column: place for place, column in enumerate(columns)},
        "excludeByName": dict.fromkeys(("Time", "Value", "__name__", "job"), True),
    }
    return _table(options, query).with_transformation(DataTransformerConfig(id_val="organize", options=transformation))


def _table(options: PanelOptions, query: Query) -> table.Panel:
    target = _target(query, "A", instant=True).format(PromQueryFormat.TABLE)
    return _with_options(table.Panel(), options).with_target(target)


def _with_options(panel: _PanelT, options: PanelOptions) -> _PanelT:
    return (
        panel.title(options.title)
        .description(options.description)
        .unit(options.unit)
        .span(options.width)
        .height(options.height)
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
