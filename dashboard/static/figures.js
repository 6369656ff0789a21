// The figures of one moment: the tiles, the table of emotions and the notice.
import { UNKNOWN, colourOf, duration, element, percent, rounded, seconds, setText, swatch, whole } from "./show.js";

const byId = (id) => document.getElementById(id);
const emotionRows = () => [...byId("emotions").tBodies[0].rows];
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

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

export function showState({ counts, rates, lag, latency, quality, kafka, redis }) {
  addMissingRows(counts ?? {});
  const total = counts && sum(Object.values(counts));
  const most = Math.max(1, ...Object.values(counts ?? {}));
  for (const row of emotionRows()) {
    const label = row.dataset.emotion;
    showEmotion(row, counts && { count: counts[label] ?? 0, total, most });
    setText(row.querySelector(".rate"), label in rates ? rounded(rates[label]) : UNKNOWN);
  }
  const rate = Object.keys(rates).length ? rounded(sum(Object.values(rates))) : UNKNOWN;
  setText(byId("total"), counts ? whole(total) : UNKNOWN);
  byId("total").dataset.count = total ?? 0;
  setText(byId("rate"), rate);
  setText(byId("throughput"), rate);
  showLag(lag);
  showLatency(latency);
  showAccuracy(quality);
  showNotice([kafka.notice, redis.notice].filter(Boolean), [kafka, redis].every(answers), total);
}

/** Labels of an earlier model, or neutral without a threshold, have counts too: the rows add up to the total. */
function addMissingRows(counts) {
  const shown = new Set(emotionRows().map((row) => row.dataset.emotion));
  const missing = Object.keys(counts).filter((label) => counts[label] && !shown.has(label));
  if (shown.size) byId("emotions").tBodies[0].append(...missing.map(emotionRow));
}

function showEmotion(row, known) {
  row.dataset.count = known?.count ?? 0;
  setText(row.querySelector(".share"), known ? percent(known.total ? known.count / known.total : 0) : UNKNOWN);
  setText(row.querySelector(".count"), known ? whole(known.count) : UNKNOWN);
  row.querySelector(".bar > span").style.setProperty("--share", known ? known.count / known.most : 0);
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

function showAccuracy(quality) {
  setText(byId("accuracy"), quality ? percent(quality.accuracy) : UNKNOWN);
  const known = quality && `of ${whole(quality.tweets)} tweets with a label; macro\u2011F1 ${percent(quality.macro_f1)}`;
  setText(byId("accuracy-hint"), known || "of tweets with a label");
}

const answers = (service) => service.state === "answers";

function showNotice(sentences, upToDate, total) {
  if (!upToDate) sentences.push("The page shows the last known figures and updates them after the reconnection.");
  else if (!sentences.length && !total) sentences.push("No tweet has been labelled yet. The figures appear with the first labelled tweet.");
  byId("notice").hidden = !sentences.length;
  setText(byId("notice"), sentences.join(" "));
}
