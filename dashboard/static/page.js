// The page: puts what the server sends into place. Text from tweets is set as text only, never as HTML.
import { Chart } from "./chart.js";
import { Connection } from "./connection.js";
import { setUpEmotions, showNotice, showState } from "./figures.js";
import { showHashtags } from "./hashtags.js";
import { holdable } from "./hold.js";
import { OverTime } from "./over_time.js";
import { setText, useColours } from "./show.js";
import { setUpTry } from "./try.js";
import { TweetList } from "./tweets.js";

const byId = (id) => document.getElementById(id);
const sign = byId("held");
const list = new TweetList(byId("tweets"), byId("pause"));
const showFigures = holdable([byId("tiles"), byId("emotions")], showState, sign);
const showTweets = holdable([byId("tweets")], (tweets) => list.show(tweets), sign);
const showHistory = holdable([byId("chart-table")], (history) => chart?.show(history), sign);
const showHashtagList = holdable([byId("hashtags")], (found) => showHashtags(byId("hashtags"), byId("hashtags-hint"), found), sign);
const overTime = new OverTime((draw) => holdable([byId("series")], draw, sign));
let labels = [];
let chart = null;

function onHello(hello) {
  setText(byId("about"), `Model ${hello.model}. Input topic ${hello.input_topic}, output topic ${hello.output_topic}.`);
  if (hello.labels.join() === labels.join()) return; // the page has reconnected
  labels = hello.labels;
  useColours(hello.colours);
  setUpEmotions(labels);
  chart?.remove();
  chart = new Chart(byId("chart"), byId("chart-table"), byId("views"), labels, hello.bucket_s);
  overTime.start(labels);
}

function onState(state) {
  showNotice(state);
  overTime.tick(state.at);
  showFigures(state);
}

const form = setUpTry(byId("try"), byId("answer"));
new Connection(
  byId("connection"),
  {
    hello: onHello,
    state: onState,
    tweets: showTweets,
    history: showHistory,
    topics: (topics) => overTime.setTopics(topics),
    hashtags: showHashtagList,
  },
  () => form.giveUp(),
);
