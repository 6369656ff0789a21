// The five tweets of a minute that the model was surest of, and how far the server has searched.
import { clockTime, element, whole } from "./show.js";
import { tweetItem } from "./tweets.js";

const ANSWER_MS = 60_000;
const NO_ANSWER = "The server does not answer; try again in a moment.";

export class SurestTweets {
  constructor(target, button) {
    this.target = target;
    this.button = button;
  }

  /** Searches for a minute, in Unix seconds, and a tweet topic; "" is all tweets. */
  async find(minute, topic) {
    const asked = (this.asked = Symbol());
    const title = `${clockTime(minute).slice(0, 5)}, ${topic || "all tweets"}`;
    this.button.disabled = true;
    this.target.replaceChildren(note(`Searching for the surest tweets of ${title} …`));
    const content = await answer(minute, topic, title);
    if (asked !== this.asked) return;
    this.target.replaceChildren(...content);
    this.button.disabled = false;
  }
}

async function answer(minute, topic, title) {
  const asked = new URLSearchParams({ minute: new Date(1000 * minute).toISOString(), topic });
  try {
    const response = await fetch(`surest?${asked}`, { signal: AbortSignal.timeout(ANSWER_MS) });
    const found = await response.json();
    return response.ok ? shown(found, title) : [element("p", { class: "error" }, [`${found.error}.`])];
  } catch {
    return [element("p", { class: "error" }, [NO_ANSWER])];
  }
}

function shown(found, title) {
  const items = found.tweets.length ? found.tweets.map(tweetItem) : [element("li", { class: "empty" }, ["None found."])];
  const many = `${whole(found.matching)} ${found.matching === 1 ? "tweet" : "tweets"} of this minute found`;
  return [
    element("h3", {}, [`The surest tweets of ${title}`]),
    element("ol", { class: "tweets" }, items),
    note(`${many}. ${stop(found)}`),
  ];
}

/** What was not read is said: later records may have surer tweets of the minute. */
function stop({ stopped, read, until }) {
  if (stopped === "end") return `Searched all ${whole(read)} records that were published from this minute on.`;
  const limit = stopped === "records" ? `after ${whole(read)} records, the most of one search` : `after ${whole(read)} records, because the search took too long`;
  return `Stopped ${limit}: what was published from ${clockTime(Date.parse(until) / 1000)} on may not be included.`;
}

const note = (words) => element("p", { class: "hint" }, [words]);
