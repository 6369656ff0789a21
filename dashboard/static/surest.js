// The five tweets of a minute that the model was surest of, and how far the server has searched.
import { clockTime, element, sentence, whole } from "./show.js";
import { tweetItem } from "./tweets.js";

const ANSWER_MS = 60_000;
const NO_ANSWER = "The server does not answer; try again in a moment.";

export class SurestTweets {
  constructor(target) {
    this.target = target;
    this.isSearching = false;
  }

  /**
   * Searches for a minute, in Unix seconds, and a tweet topic; "" is all tweets. The server cannot end a search, and does
   * one after the other: of the choices during a search, only the newest is searched for, when that search has ended.
   */
  async find(minute, topic) {
    const title = `${clockTime(minute).slice(0, 5)}, ${topic || "all tweets"}`;
    this.choice = { query: String(new URLSearchParams({ minute: new Date(1000 * minute).toISOString(), topic })), title };
    this.target.replaceChildren(note(`Searching for the surest tweets of ${title} …`));
    if (this.isSearching) return;
    this.isSearching = true;
    let searched;
    let content;
    do {
      searched = this.choice;
      content = await answer(searched);
    } while (searched.query !== this.choice.query);
    this.isSearching = false;
    this.target.replaceChildren(...content);
  }
}

async function answer({ query, title }) {
  try {
    const response = await fetch(`surest?${query}`, { signal: AbortSignal.timeout(ANSWER_MS) });
    const found = await response.json();
    return response.ok ? shown(found, title) : [element("p", { class: "error" }, [sentence(found.error)])];
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

/** The page shows where the search stopped: later records may have surer tweets of the minute. */
function stop({ stopped, read, until }) {
  if (stopped === "end") return `Searched all ${whole(read)} records that were published from this minute on.`;
  const limit = stopped === "records" ? `after ${whole(read)} records, the most of one search` : `after ${whole(read)} records, because the search took too long`;
  return `Stopped ${limit}: what was published from ${clockTime(Date.parse(until) / 1000)} on may not be included.`;
}

const note = (words) => element("p", { class: "hint" }, [words]);
