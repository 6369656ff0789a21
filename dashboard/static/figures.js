// The figures of one moment: the tiles, the table of emotions and the notice.
import { UNKNOWN, colourOf, duration, element, percent, rates, seconds, setText, shares, sum, swatch, whole } from "./show.js";

const byId = (id) => document.getElementById(id);
const emotionRows = () => [...byId("emotions").tBodies[0].rows];

export function setUpEmotions(labels) {
  byId("emotions").tBodies[0].replaceChildren(...labels.map(emotionRow));
}

function emotionRow(label) {
  const name = element("th", {}, [swatch(label), label]);
  name.scope = "row";
  const bar = element("span");
  bar.style.setProperty("--colour", colourOf(label));
  const figures = ["share", "count", "rate"].map((figure) => element("td", { class: figure }, [UNKNOWN]));
  return element("tr", { data: { emotion: label } }, [name, element("td", { class: "bar" }, [bar]), ...figures]);
}

export function showState({ counts, rates: perSecond, lag, latency, quality }) {
  addMissingRows(counts ?? {});
  showCounts(counts);
  showRates(perSecond);
  showLag(lag);
  showLatency(latency);
  showAccuracy(quality, counts);
}

/** Labels of an earlier model, or neutral without a threshold, have counts too: the rows add up to the total. */
function addMissingRows(counts) {
  const shown = new Set(emotionRows().map((row) => row.dataset.emotion));
  const missing = Object.keys(counts).filter((label) => counts[label] && !shown.has(label));
  if (shown.size) byId("emotions").tBodies[0].append(...missing.map(emotionRow));
}

function showCounts(counts) {
  const rows = emotionRows();
  const numbers = rows.map((row) => counts?.[row.dataset.emotion] ?? 0);
  const most = Math.max(1, ...numbers);
  const known = counts ? shares(numbers) : numbers.map(() => UNKNOWN);
  rows.forEach((row, place) => {
    row.dataset.count = numbers[place];
    setText(row.querySelector(".share"), known[place]);
    setText(row.querySelector(".count"), counts ? whole(numbers[place]) : UNKNOWN);
    row.querySelector(".bar > span").style.setProperty("--share", numbers[place] / most);
  });
  setText(byId("total"), counts ? whole(sum(numbers)) : UNKNOWN);
  byId("total").dataset.count = sum(numbers);
}

/** A row without a rate is of a label that the page's model does not have. */
function showRates(perSecond) {
  const rows = emotionRows().filter((row) => row.dataset.emotion in perSecond);
  const shown = rates(rows.map((row) => perSecond[row.dataset.emotion]));
  for (const row of emotionRows()) if (!rows.includes(row)) setText(row.querySelector(".rate"), UNKNOWN);
  rows.forEach((row, place) => setText(row.querySelector(".rate"), shown.each[place]));
  for (const id of ["rate", "throughput"]) setText(byId(id), rows.length ? shown.total : UNKNOWN);
}

function showLag(lag) {
  setText(byId("lag"), lag ? whole(lag.records) : UNKNOWN);
  const age = lag?.records && lag.seconds !== null ? `; the oldest has waited ${seconds(lag.seconds)}` : "";
  setText(byId("lag-hint"), `tweets not labelled yet${age}`);
}

function showLatency(latency) {
  setText(byId("latency"), latency ? duration(latency.p50_ms) : UNKNOWN);
  const rest = latency ? `; 95th percentile ${duration(latency.p95_ms)}` : "";
  setText(byId("latency-hint"), `median from created_at to the labelled tweet${rest}`);
}

/**
 * The page compares what it has read from the output topic, the table shows what Redis counts: the two move at different
 * moments. So the number of compared tweets is a lower bound, and never above the total beside it.
 */
function showAccuracy(quality, counts) {
  setText(byId("accuracy"), quality ? percent(quality.accuracy) : UNKNOWN);
  const total = (counts && sum(Object.values(counts))) || Infinity;
  const known = quality && `of at least ${whole(twoDigits(Math.min(quality.tweets, total)))} tweets with a label; macro\u2011F1 ${percent(quality.macro_f1)}`;
  setText(byId("accuracy-hint"), known || "of tweets with a label");
}

function twoDigits(number) {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(number)) - 1);
  return unit * Math.floor(number / unit);
}

const answers = (service) => service.state === "answers";

export function showNotice({ kafka, redis, counts }) {
  const sentences = [kafka.notice, redis.notice].filter(Boolean);
  const total = counts && sum(Object.values(counts));
  if (![kafka, redis].every(answers)) sentences.push("The page shows the last known figures and updates them after the reconnection.");
  else if (!sentences.length && !total) sentences.push("No tweet has been labelled yet. The figures appear with the first labelled tweet.");
  byId("notice").hidden = !sentences.length;
  setText(byId("notice"), sentences.join(" "));
}
