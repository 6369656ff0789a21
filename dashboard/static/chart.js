// The last five minutes, drawn by uPlot: the share of each emotion as stacked areas, or the rates as lines.
import { ChartTable } from "./chart_table.js";
import { clockTime, colourOf, cssColour, element, isDark, percent, stacked, swatch } from "./show.js";

const HEIGHT_PX = 240;
const MIN_WIDTH_PX = 200; // uPlot cannot draw into a width of 0, which a hidden element has
const WINDOW_S = 300;
const SHORTEST_S = 60; // so that a stream's first seconds are not a sliver of five minutes
const FONT_PX = 12;
const NAMES_PX = 104; // room at the right for "surprise 16.7 %"
const NAMES_FROM_PX = 420; // a narrower chart has the legend only
const RIGHT_PX = 24; // room for the half of a time that ends at the last point

const times = (_plot, splits, _axis, _space, every) => splits.map((each) => clockTime(each).slice(0, every % 60 ? 8 : 5));
const timeSpace = (_plot, _axis, first, last) => (last - first > WINDOW_S / 2 ? 56 : 80); // shorter spans show seconds too

export class Chart {
  constructor(target, table, views, labels, bucketS) {
    this.target = target;
    this.labels = labels;
    this.bucketS = bucketS;
    this.table = new ChartTable(table, labels);
    this.times = [];
    this.rates = labels.map(() => []);
    this.ended = new AbortController();
    this.sizes = new ResizeObserver(() => this.draw());
    views.addEventListener("change", () => this.draw(), { signal: this.ended.signal });
    isDark.addEventListener("change", () => this.draw(), { signal: this.ended.signal });
    this.isStacked = () => views.querySelector("[value=shares]").checked;
    document.getElementById("chart-legend").replaceChildren(...labels.map((label) => element("li", {}, [swatch(label), label])));
    this.sizes.observe(target);
  }

  remove() {
    this.ended.abort();
    this.sizes.disconnect();
    this.plot?.destroy();
  }

  /** Shows a history: `from` is the start of the first bucket in Unix seconds, `series` the rates by label, null if unknown. */
  show({ from, series }) {
    this.rates = this.labels.map((label) => series[label] ?? []);
    this.times = this.rates[0].map((_, place) => from + (place + 1) * this.bucketS);
    this.target.dataset.points = this.times.length;
    this.plot?.setData(this.data());
    this.table.show(this.times, this.rates, this.isStacked());
  }

  /** Rates as they are; or for each emotion the sum of its share and of the shares below it, so that the first is 1. */
  data() {
    if (!this.isStacked()) return [this.times, ...this.rates];
    const stacks = this.times.map((_, place) => stacked(this.rates.map((rates) => rates[place])));
    return [this.times, ...this.labels.map((_, number) => stacks.map((stack) => stack[number]))];
  }

  draw() {
    const width = Math.max(MIN_WIDTH_PX, this.target.clientWidth);
    const isStacked = this.isStacked();
    const kind = isStacked ? "Stacked areas: the share of each emotion" : "Lines: the labelled tweets per second of each emotion";
    this.target.setAttribute("aria-label", `${kind} in the last five minutes. The table below has the numbers.`);
    this.plot?.destroy();
    this.plot = new uPlot(isStacked ? this.areas(width) : this.lines(width), this.data(), this.target);
    this.table.show(this.times, this.rates, isStacked);
  }

  areas(width) {
    const named = width >= NAMES_FROM_PX;
    const ground = cssColour("--card"); // between two areas: colour alone does not separate all of them
    return {
      ...this.options(width, named ? NAMES_PX : RIGHT_PX, { values: (_plot, splits) => splits.map((each) => `${100 * each} %`), splits: () => [0, 0.25, 0.5, 0.75, 1] }),
      hooks: named ? { draw: [(plot) => this.drawNames(plot)] } : {},
      scales: { x: { range: span }, y: { range: [0, 1] } },
      series: [{}, ...this.labels.map((label) => ({ label, stroke: ground, fill: colourOf(label), width: 1.5, points: { show: false } }))],
    };
  }

  lines(width) {
    return {
      ...this.options(width, RIGHT_PX, {}),
      scales: { x: { range: span }, y: { range: (_plot, _min, max) => [0, 1.1 * (max || 1)] } },
      series: [{}, ...this.labels.map((label) => ({ label, stroke: colourOf(label), width: 2, points: { show: false } }))],
    };
  }

  options(width, right, yAxis) {
    const line = { stroke: cssColour("--soft"), grid: { stroke: cssColour("--line"), width: 1 }, ticks: { show: false }, font: `${FONT_PX}px system-ui, sans-serif` };
    return {
      width,
      height: HEIGHT_PX,
      axes: [{ ...line, grid: { show: false }, values: times, incrs: [10, 20, 30, 60, 120], space: timeSpace, size: 30 }, { ...line, size: 48, ...yAxis }],
      cursor: { show: false },
      legend: { show: false },
      padding: [8, right, null, null],
    };
  }

  /** Writes the newest share beside each area that is high enough for a line of text. */
  drawNames(plot) {
    const last = this.times.length - 1;
    const stack = last < 0 ? [] : stacked(this.rates.map((rates) => rates[last]));
    const { ctx } = plot;
    const left = plot.valToPos(this.times[last], "x", true) + 6 * devicePixelRatio;
    ctx.save();
    ctx.font = `${FONT_PX * devicePixelRatio}px system-ui, sans-serif`;
    ctx.fillStyle = cssColour("--ink");
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    stack.forEach((top, number) => {
      const bottom = stack[number + 1] ?? 0;
      const height = plot.valToPos(bottom, "y", true) - plot.valToPos(top, "y", true);
      if (top === null || height < 1.2 * FONT_PX * devicePixelRatio) return;
      ctx.fillText(`${this.labels[number]} ${percent(top - bottom)}`, left, plot.valToPos((top + bottom) / 2, "y", true));
    });
    ctx.restore();
  }
}

const span = (_plot, first, last) => [Math.max(last - WINDOW_S, Math.min(first, last - SHORTEST_S)), last];
