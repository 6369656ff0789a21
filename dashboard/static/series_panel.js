// One tweet topic, or all tweets, over time: a sentence, the chart, and a table with the same numbers.
import { StackChart } from "./stack_chart.js";
import { element, percent, roundedParts, sum, swatch, whole, UNKNOWN } from "./show.js";

const STAMP = { hour: new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }) };
STAMP.day = STAMP.hour;
STAMP.week = new Intl.DateTimeFormat("en", { weekday: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const LONG = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });

export const SPANS = { hour: { stepS: 60, words: "the last hour" }, day: { stepS: 3600, words: "the last 24 hours" }, week: { stepS: 3600, words: "the last 7 days" } };
export const stamp = (span, start) => STAMP[span].format(1000 * start);
export const named = (topic) => topic || "All tweets";

export class SeriesPanel {
  constructor(onPick) {
    this.caption = element("span");
    this.plot = element("div", { class: "plot" });
    this.plot.setAttribute("role", "img");
    this.table = element("table", { class: "series-table" });
    this.region = element("div", { class: "scroll tall" }, [this.table]);
    this.region.setAttribute("role", "region");
    this.region.tabIndex = 0;
    this.details = element("details", {}, [element("summary", {}, ["The chart as a table"]), this.region]);
    this.details.addEventListener("toggle", () => this.fillTable());
    this.section = element("div", { class: "series" }, [element("p", { class: "series-caption" }, [this.caption]), this.plot, this.details]);
    this.chart = new StackChart(this.plot, (start) => onPick(start, this.topic));
  }

  /** Shows the answer of `/series` for a span of SPANS. */
  show(span, labels, answer) {
    this.topic = answer.topic;
    this.content = { span, labels, answer, starts: answer.series.map(({ start }) => Date.parse(start) / 1000) };
    this.rows = answer.series.map(({ counts }) => labels.map((label) => counts[label] ?? 0));
    const name = named(answer.topic);
    this.caption.replaceChildren(element("strong", {}, [name]), `: ${this.sentence()}`);
    this.plot.setAttribute("aria-label", `Stacked steps: the share of each emotion, ${name}, ${SPANS[span].words}. The table below has the numbers.`);
    this.region.setAttribute("aria-label", `The chart as a table: ${name}`);
    this.section.dataset.topic = answer.topic;
    this.chart.show({ span, starts: this.content.starts, stepS: SPANS[span].stepS, rows: this.rows, labels });
    this.fillTable();
  }

  sentence() {
    const { answer, labels, span, starts } = this.content;
    const totals = labels.map((_, number) => sum(this.rows.map((row) => row[number])));
    const total = sum(totals);
    const most = totals.indexOf(Math.max(...totals));
    const found = total ? `${whole(total)} tweets in ${SPANS[span].words}; the most frequent emotion is ${labels[most]} with ${percent(totals[most] / total)}` : `no tweet in ${SPANS[span].words}`;
    const since = Date.parse(answer.since) / 1000;
    return `${found}.${since > starts[0] ? ` Counted since ${LONG.format(1000 * since)}.` : ""}`;
  }

  /** A closed table costs nothing. */
  fillTable() {
    if (!this.details.open || !this.content) return;
    const { labels, span, starts, answer } = this.content;
    const caption = element("caption", {}, ["Share and number of tweets of each emotion, the newest first"]);
    const head = element("tr", {}, [header("Time", "col"), ...labels.map((label) => header(label, "col", [swatch(label)])), header("All", "col")]);
    const rows = starts.map((start, place) => tableRow(stamp(span, start), answer.series[place].start, labels, this.rows[place]));
    this.table.replaceChildren(caption, element("thead", {}, [head]), element("tbody", {}, rows.reverse()));
  }
}

function tableRow(time, start, labels, counts) {
  const total = sum(counts);
  const parts = total ? roundedParts(counts.map((count) => count / total), 1000).map(percent) : counts.map(() => UNKNOWN);
  const cells = labels.map((label, number) => element("td", { data: { label, count: counts[number] } }, [parts[number], element("small", {}, [` ${whole(counts[number])}`])]));
  return element("tr", { data: { start } }, [header(time, "row"), ...cells, element("td", { data: { count: total } }, [whole(total)])]);
}

function header(text, scope, marks = []) {
  const made = element("th", {}, [...marks, text]);
  made.scope = scope;
  return made;
}
