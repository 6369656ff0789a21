// The share of each emotion, period by period, as stacked steps drawn by uPlot.
import { colourOf, cssColour, isDark, stacked } from "./show.js";

const HEIGHT_PX = 220;
const MIN_WIDTH_PX = 200; // uPlot cannot draw into a width of 0, which a hidden element has
const FONT_PX = 12;
const RIGHT_PX = 24; // room for the half of a time that ends at the last point
const DAY_S = 24 * 3600;
const CLOCK = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const WEEKDAY = new Intl.DateTimeFormat("en", { weekday: "short" });
const MANY = 100; // steps between which a line would hide the areas

export class StackChart {
  /** `onPick` is called with the start of the period that is clicked, in Unix seconds. */
  constructor(target, onPick) {
    this.target = target;
    this.content = null;
    new ResizeObserver(() => this.draw()).observe(target);
    isDark.addEventListener("change", () => this.draw());
    target.addEventListener("click", (event) => {
      const start = this.startAt(event.clientX);
      if (start !== null) onPick(start);
    });
  }

  /**
   * Shows periods of `stepS` seconds from `starts` on; `rows` has the counts of each, in the order of `labels`. Each
   * `span` has its own time axis.
   */
  show(content) {
    const isSame = this.plot && this.content.labels.join() === content.labels.join() && this.content.span === content.span;
    this.content = content;
    this.target.dataset.periods = content.starts.length;
    if (isSame) this.plot.setData(this.data());
    else this.draw();
  }

  /** Marks a period; null marks none. */
  pick(start) {
    this.picked = start;
    this.plot?.redraw(false);
  }

  startAt(clientX) {
    const place = this.plot?.posToVal(clientX - this.plot.over.getBoundingClientRect().left, "x");
    return this.content?.starts.findLast((start) => start <= place) ?? null;
  }

  /** A last point ends the last step. The first line is the sum of all shares, and so 1. */
  data() {
    const { starts, stepS, rows, labels } = this.content;
    const stacks = rows.map(stacked);
    const closed = stacks.length ? [...stacks, stacks.at(-1)] : [];
    return [[...starts, ...starts.slice(-1).map((start) => start + stepS)], ...labels.map((_, number) => closed.map((stack) => stack[number]))];
  }

  draw() {
    if (!this.content) return;
    this.plot?.destroy();
    this.plot = new uPlot(this.options(Math.max(MIN_WIDTH_PX, this.target.clientWidth)), this.data(), this.target);
  }

  options(width) {
    const line = { stroke: cssColour("--soft"), ticks: { show: false }, font: `${FONT_PX}px system-ui, sans-serif` };
    const isLong = this.content.starts.length * this.content.stepS > 2 * DAY_S;
    const times = isLong ? { incrs: [DAY_S], values: (_plot, splits) => splits.map((each) => `${WEEKDAY.format(1000 * each)} ${new Date(1000 * each).getDate()}`) } : { incrs: [300, 600, 1200, 3600, 10800, 21600], values: (_plot, splits) => splits.map((each) => CLOCK.format(1000 * each)) };
    const steps = { width: this.content.starts.length > MANY ? 0 : 1, stroke: cssColour("--card"), paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } };
    return {
      width,
      height: HEIGHT_PX,
      axes: [
        { ...line, grid: { show: false }, space: 56, size: 30, ...times },
        { ...line, grid: { stroke: cssColour("--line"), width: 1 }, size: 48, splits: () => [0, 0.25, 0.5, 0.75, 1], values: (_plot, splits) => splits.map((each) => `${100 * each} %`) },
      ],
      cursor: { show: false },
      hooks: { draw: [(plot) => this.drawPicked(plot)] },
      legend: { show: false },
      padding: [8, RIGHT_PX, null, null],
      scales: { x: { range: (_plot, first, last) => [first, last] }, y: { range: [0, 1] } },
      series: [{}, ...this.content.labels.map((label) => ({ ...steps, label, fill: colourOf(label) }))],
    };
  }

  drawPicked(plot) {
    const { starts, stepS } = this.content;
    if (!starts.includes(this.picked)) return;
    const left = plot.valToPos(this.picked, "x", true);
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = cssColour("--ink");
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.strokeRect(left, bbox.top, plot.valToPos(this.picked + stepS, "x", true) - left, bbox.height);
    ctx.restore();
  }
}
