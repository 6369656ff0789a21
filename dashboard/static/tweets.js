// The list of the last labelled tweets, and the button that pauses the list.
import { doubt } from "./doubt.js";
import { element, percent, swatch } from "./show.js";

export class TweetList {
  constructor(list, pause) {
    this.list = list;
    this.pause = pause;
    this.tweets = [];
    pause.addEventListener("click", () => {
      pause.setAttribute("aria-pressed", String(!this.paused));
      this.draw();
    });
  }

  /** Not everybody can read a list that changes every second. After a pause, the list has the newest tweets again. */
  get paused() {
    return this.pause.getAttribute("aria-pressed") === "true";
  }

  show(tweets) {
    this.tweets = tweets;
    this.draw();
  }

  /** Keeps the items of tweets that are still shown in place, so that a selection in one of them stays. */
  draw() {
    if (this.paused) return;
    const known = new Map([...this.list.children].map((item) => [item.dataset.key, item]));
    const items = this.tweets.length ? this.tweets.map((tweet) => known.get(key(tweet)) ?? tweetItem(tweet)) : [empty()];
    for (const item of known.values()) if (!items.includes(item)) item.remove();
    items.forEach((item, number) => {
      const present = this.list.children[number] ?? null;
      if (present !== item) this.list.insertBefore(item, present);
    });
  }
}

/** The time is part of the key: a topic that was created again has the same places again. */
const key = ({ place, at }) => `${place} ${at}`;
const empty = () => element("li", { class: "empty" }, ["None yet."]);

export function tweetItem(tweet) {
  const own = tweet.label && tweet.label !== tweet.emotion ? `, labelled ${tweet.label}` : "";
  const predicted = element("span", { class: "predicted" }, [swatch(tweet.emotion), `${tweet.emotion} ${percent(tweet.confidence)}${own}`]);
  const sentence = doubt(tweet);
  const unsure = sentence ? [element("span", { class: "doubt" }, [sentence])] : [];
  const topics = tweet.topics.length ? [element("span", { class: "topics" }, [`About ${tweet.topics.join(", ")}`])] : [];
  return element("li", { data: { key: key(tweet) } }, [element("span", { class: "text" }, [tweet.text]), predicted, ...unsure, ...topics]);
}
