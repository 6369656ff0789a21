// The page: puts what the server sends into place. Text from tweets is set as text only, never as HTML.
import { Chart } from "./chart.js";
import { setUpEmotions, showState } from "./figures.js";
import { setText, useColours } from "./show.js";
import { setUpTry } from "./try.js";
import { TweetList } from "./tweets.js";

// The server sends an event every second; a connection that was silent for so long is lost, whatever the browser knows.
const SILENCE_MS = 5000;
// The time until the next attempt where the browser makes none by itself.
const RECONNECT_MS = 2000;

const byId = (id) => document.getElementById(id);
const tweets = new TweetList(byId("tweets"), byId("pause"));
let labels = [];
let chart = null;

function onHello(hello) {
  setText(byId("about"), `Model ${hello.model}. Input topic ${hello.input_topic}, output topic ${hello.output_topic}.`);
  if (hello.labels.join() === labels.join()) return; // the page has reconnected
  labels = hello.labels;
  useColours(hello.colours);
  setUpEmotions(labels);
  chart = new Chart(byId("chart"), labels, hello.bucket_s);
}

function showConnection(state, words) {
  const shown = byId("connection");
  shown.dataset.state = state;
  setText(shown, words);
}

function connect() {
  const events = new EventSource("events");
  let silence;
  const lost = () => showConnection("lost", "Connection lost; reconnecting …");
  const reconnect = (delayMs) => {
    clearTimeout(silence);
    events.close();
    lost();
    setTimeout(connect, delayMs);
  };
  const restartTimer = () => {
    clearTimeout(silence);
    silence = setTimeout(reconnect, SILENCE_MS, 0);
  };
  restartTimer();
  const on = (name, show) => events.addEventListener(name, (event) => {
    restartTimer();
    show(JSON.parse(event.data));
  });
  events.addEventListener("open", () => {
    restartTimer();
    showConnection("live", "Live");
  });
  events.addEventListener("error", () => {
    // A browser makes no further attempt after a response that is no event stream, such as a proxy's error page.
    if (events.readyState === EventSource.CLOSED) reconnect(RECONNECT_MS);
    else lost();
  });
  on("hello", onHello);
  on("state", showState);
  on("tweets", (found) => tweets.show(found));
  on("history", (history) => chart?.show(history));
}

setUpTry(byId("try"), byId("answer"));
connect();
