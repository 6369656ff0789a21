// The rates over time, drawn by uPlot.
import { colourOf } from "./show.js";

const HEIGHT_PX = 260;
const RIGHT_PX = 28; // room for the half of a time that ends at the last point
const MIN_WIDTH_PX = 200; // uPlot cannot draw into a width of 0, which a hidden element has
const TIME = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const times = (_plot, seconds) => seconds.map((each) => TIME.format(1000 * each));

export class Chart {
  constructor(target, labels, bucketS) {
    this.target = target;
    this.labels = labels;
    this.bucketS = bucketS;
    this.data = [[], ...labels.map(() => [])];
    this.draw();
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(target);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  size() {
    return { width: Math.max(MIN_WIDTH_PX, this.target.clientWidth), height: HEIGHT_PX };
  }

  draw() {
    const style = getComputedStyle(document.documentElement);
    const line = { stroke: style.getPropertyValue("--soft"), grid: { stroke: style.getPropertyValue("--line") }, ticks: { show: false } };
    const series = this.labels.map((label) => ({ label, stroke: colourOf(label), width: 2, points: { show: false } }));
    this.target.replaceChildren();
    this.plot = new uPlot(
      {
        ...this.size(),
        axes: [{ ...line, values: times, space: 70, size: 32 }, { ...line, size: 44 }],
        cursor: { y: false },
        legend: { live: false, markers: { fill: (plot, number) => plot.series[number].stroke(plot, number) } },
        padding: [null, RIGHT_PX, null, null],
        series: [{}, ...series],
      },
      this.data,
      this.target,
    );
  }

  /** Shows a history: `from` is the start of the first bucket in Unix seconds, `series` the rates by label. */
  show({ from, series }) {
    const values = this.labels.map((label) => series[label] ?? []);
    this.data = [(values[0] ?? []).map((_, number) => from + number * this.bucketS), ...values];
    this.plot.setData(this.data);
    this.target.dataset.points = this.data[0].length;
  }
}
