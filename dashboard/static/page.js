// The page: what the server pushes is put into place. Text from tweets is only ever set as text.
import { Chart } from "./chart.js";
import { setUpTry } from "./try.js";
import { colourOf, element, percent, rounded, setText, useColours } from "./show.js";

const byId = (id) => document.getElementById(id);
let labels = [];
let chart = null;
let tweets = [];

function onHello(hello) {
  setText(byId("about"), `Model ${hello.model}. From ${hello.input_topic} to ${hello.output_topic}.`);
  if (hello.labels.join() === labels.join()) return; // a connection that came back
  labels = hello.labels;
  useColours(hello.colours);
  byId("emotions").tBodies[0].replaceChildren(...labels.map(emotionRow));
  chart = new Chart(byId("chart"), labels, hello.bucket_s);
}

function emotionRow(label) {
  const row = element("tr", { data: { emotion: label } });
  const name = element("th", {}, [swatch(label), label]);
  name.scope = "row";
  const bar = element("span");
  bar.style.setProperty("--colour", colourOf(label));
  row.append(name, element("td", { class: "bar" }, [bar]), ...["share", "count", "rate"].map((name) => element("td", { class: name })));
  return row;
}

function swatch(label) {
  const mark = element("span", { class: "swatch" });
  mark.style.setProperty("--colour", colourOf(label));
  return mark;
}

function onState(state) {
  const counts = state.counts ?? {};
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const rate = Object.values(state.rates).reduce((sum, each) => sum + each, 0);
  const most = Math.max(1, ...Object.values(counts));
  for (const row of byId("emotions").tBodies[0].rows) {
    const count = counts[row.dataset.emotion] ?? 0;
    row.querySelector(".bar > span").style.setProperty("--share", count / most);
    showEmotion(row, count, total ? count / total : 0, state.rates[row.dataset.emotion] ?? 0);
  }
  setText(byId("total"), total.toLocaleString("en"));
  byId("total").dataset.count = total;
  setText(byId("rate"), rounded(rate));
  setText(byId("throughput"), rounded(rate));
  showLag(state.lag);
  showLatency(state.latency);
  showQuality(state.quality);
  showNotice(state, total);
}

function showEmotion(row, count, share, rate) {
  row.dataset.count = count;
  setText(row.querySelector(".share"), percent(share));
  setText(row.querySelector(".count"), count.toLocaleString("en"));
  setText(row.querySelector(".rate"), rounded(rate));
}

function showLag(lag) {
  setText(byId("lag"), lag ? lag.records.toLocaleString("en") : "–");
  const since = lag?.records ? `, the oldest for ${rounded(lag.seconds)} s` : "";
  setText(byId("lag-note"), `tweets wait for a worker${since}`);
}

function showLatency(latency) {
  setText(byId("latency"), latency ? duration(latency.p50_ms) : "–");
  const rest = latency ? `; 95 % within ${duration(latency.p95_ms)}` : "";
  setText(byId("latency-note"), `median, from created_at to the label${rest}`);
}

const duration = (ms) => (ms < 1000 ? `${ms} ms` : `${rounded(ms / 1000)} s`);

function showQuality(quality) {
  setText(byId("accuracy"), quality ? percent(quality.accuracy) : "–");
  const told = quality ? `macro-F1 ${percent(quality.macro_f1)}, of ${quality.tweets.toLocaleString("en")} that say their emotion` : "where tweets say their emotion";
  setText(byId("accuracy-note"), told);
}

function showNotice(state, total) {
  const away = ["kafka", "redis"].filter((name) => !state[name].answers);
  const name = { kafka: "Kafka", redis: "Redis" };
  let notice = away.map((each) => `${name[each]} ${state[each].note}.`).join(" ");
  if (away.length) notice += " The figures are the last known ones; they go on by themselves.";
  else if (state.kafka.note) notice = `Kafka answers, but ${state.kafka.note}.`;
  else if (!total) notice = "No tweet has been labelled yet. This page fills by itself as soon as one is.";
  byId("notice").hidden = !notice;
  setText(byId("notice"), notice);
}

const paused = () => byId("pause").getAttribute("aria-pressed") === "true";

function setUpPause() {
  byId("pause").addEventListener("click", () => {
    byId("pause").setAttribute("aria-pressed", String(!paused()));
    showTweets();
  });
}

function onTweets(found) {
  tweets = found;
  showTweets();
}

/** A list that changes every second cannot be read by everybody; whoever pauses it misses nothing that is newest. */
function showTweets() {
  if (paused()) return;
  const empty = element("li", { class: "empty" }, ["None yet."]);
  byId("tweets").replaceChildren(...(tweets.length ? tweets.map(tweetItem) : [empty]));
}

function tweetItem(tweet) {
  const said = tweet.label && tweet.label !== tweet.emotion ? `, says ${tweet.label}` : "";
  const told = element("span", { class: "told" }, [swatch(tweet.emotion), `${tweet.emotion} ${percent(tweet.confidence)}${said}`]);
  return element("li", {}, [element("span", { class: "text" }, [tweet.text]), told]);
}

function showConnection(state, words) {
  const shown = byId("connection");
  shown.dataset.state = state;
  setText(shown, words);
}

function connect() {
  const events = new EventSource("/events");
  const on = (name, show) => events.addEventListener(name, (event) => show(JSON.parse(event.data)));
  events.addEventListener("open", () => showConnection("live", "Live"));
  events.addEventListener("error", () => {
    showConnection("lost", "Connection lost; trying again …");
    // A browser gives up for good on an answer that is no stream, such as a proxy's error page.
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  });
  on("hello", onHello);
  on("state", onState);
  on("tweets", onTweets);
  on("history", (history) => chart?.show(history));
}

setUpTry(byId("try"), byId("answer"), swatch);
setUpPause();
connect();
