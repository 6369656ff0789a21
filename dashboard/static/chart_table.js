// The chart's numbers, for everybody who cannot see or read the chart: a column for each minute.
import { UNKNOWN, clockTime, element, rates as rateTexts, setText, shares, sum, swatch } from "./show.js";

const MINUTE_S = 60;
const COLUMNS = 5;

export class ChartTable {
  constructor(table, labels) {
    this.caption = element("caption");
    this.heads = Array.from({ length: COLUMNS }, () => header("", "col"));
    const head = element("tr", {}, [header("Emotion", "col"), ...this.heads]);
    this.rows = labels.map((label) => cells());
    this.total = cells();
    const named = labels.map((label, number) => element("tr", {}, [header(label, "row", [swatch(label)]), ...this.rows[number]]));
    const all = element("tr", {}, [header("Tweets per second", "row"), ...this.total]);
    table.replaceChildren(this.caption, element("thead", {}, [head]), element("tbody", {}, named), element("tfoot", {}, [all]));
  }

  /** Shows for each minute the means of the rates, or the shares that these have. `times` are the ends of the buckets. */
  show(times, rates, asShares) {
    setText(this.caption, asShares ? "Share of each emotion in each minute" : "Labelled tweets per second in each minute, by emotion");
    const last = Math.floor(((times.at(-1) ?? 0) - 1) / MINUTE_S);
    this.heads.forEach((head, column) => {
      const minute = last - COLUMNS + 1 + column;
      const places = [...times.keys()].filter((place) => Math.floor((times[place] - 1) / MINUTE_S) === minute && rates[0][place] !== null);
      const means = rates.map((each) => (places.length ? sum(places.map((place) => each[place])) / places.length : 0));
      const texts = asShares ? shares(means) : rateTexts(means).each;
      setText(head, times.length ? clockTime(minute * MINUTE_S).slice(0, 5) : UNKNOWN);
      this.rows.forEach((row, number) => setText(row[column], places.length ? texts[number] : UNKNOWN));
      setText(this.total[column], places.length ? rateTexts(means).total : UNKNOWN);
    });
  }
}

const cells = () => Array.from({ length: COLUMNS }, () => element("td", {}, [UNKNOWN]));

function header(text, scope, marks = []) {
  const made = element("th", {}, [...marks, text]);
  made.scope = scope;
  return made;
}
