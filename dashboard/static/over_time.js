// Emotion over time: which tweets and which span are chosen, the panels that show them, and the minute that is picked.
import { SeriesPanel, named, stamp } from "./series_panel.js";
import { SurestTweets } from "./surest.js";
import { element, sentence, setText, swatch } from "./show.js";

const EVERY_MS = { hour: 10_000, day: 60_000, week: 60_000 };
const AGAIN_MS = 5_000; // after an error: what the server's Retry-After asks for
const ANSWER_MS = 15_000;
const WEEK_S = 7 * 24 * 3600;
const NONE = "-"; // no name of a tweet topic begins with it
const NO_ANSWER = "The server does not answer.";
const byId = (id) => document.getElementById(id);

export class OverTime {
  constructor(hold) {
    this.labels = [];
    this.topics = [];
    this.nowS = Date.now() / 1000;
    this.panels = [0, 1].map(() => new SeriesPanel((start, topic) => this.pick(start, topic)));
    this.form = byId("over-time-choice");
    this.range = byId("minute");
    this.surest = new SurestTweets(byId("surest"));
    this.buttons = [byId("find"), byId("find-other")]; // one for each panel
    this.draw = hold((found) => this.show(found));
    byId("series").replaceChildren(this.panels[0].section);
    this.form.addEventListener("change", () => this.load());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.range.addEventListener("input", () => this.mark());
    this.buttons.forEach((button, number) => button.addEventListener("click", () => this.find(this.panels[number].topic)));
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.load(); });
  }

  get span() { return this.form.elements.span.value; }

  /** Begins with the labels of the page's model; other labels are added when they have a count. */
  start(labels) {
    this.labels = labels;
    this.load();
  }

  /** The time of the server, so that a wrong clock of the browser moves nothing. */
  tick(unixS) { this.nowS = unixS; }

  /** Offers the tweet topics; without one, there is nothing to choose. */
  setTopics(topics) {
    const names = topics.map(({ name }) => name);
    if (names.join() === this.topics.join()) return;
    this.topics = names;
    this.offer(this.form.elements.topic, ["", ...names], "");
    this.offer(this.form.elements.other, [NONE, "", ...names], NONE);
    for (const each of document.querySelectorAll(".topic-choice")) each.hidden = !names.length;
    this.load();
  }

  offer(select, values, otherwise) {
    const chosen = select.options.length && values.includes(select.value) ? select.value : otherwise;
    select.replaceChildren(...values.map((value) => {
      const option = element("option", {}, [value === NONE ? "nothing" : named(value)]);
      option.value = value;
      return option;
    }));
    select.value = chosen;
  }

  /** Asks for what is chosen, and again after a while; an answer to an earlier choice is dropped. */
  async load() {
    clearTimeout(this.next);
    if (!this.labels.length) return;
    const asked = (this.asked = Symbol());
    const span = this.span;
    let pauseMs = EVERY_MS[span];
    if (!document.hidden) {
      try {
        const found = await Promise.all(this.chosen().map((topic) => this.fetch(topic, span)));
        if (asked !== this.asked) return;
        this.draw({ span, found });
        this.say("");
      } catch (error) {
        if (asked !== this.asked) return;
        this.say(`${error.message} The chart shows what was known before.`);
        pauseMs = AGAIN_MS;
      }
    }
    this.next = setTimeout(() => this.load(), pauseMs);
  }

  chosen() {
    const { topic, other } = this.form.elements;
    return this.topics.length && other.value !== NONE ? [topic.value, other.value] : [topic.value];
  }

  async fetch(topic, span) {
    const asked = new URLSearchParams({ topic, step: span === "hour" ? "minute" : "hour" });
    if (span === "week") asked.set("from", new Date(1000 * (this.nowS - WEEK_S)).toISOString());
    let response;
    let answer;
    try {
      response = await fetch(`series?${asked}`, { signal: AbortSignal.timeout(ANSWER_MS) });
      answer = await response.json();
    } catch {
      throw new Error(NO_ANSWER);
    }
    if (!response.ok) throw new Error(sentence(answer.error));
    return answer;
  }

  show({ span, found }) {
    const known = new Set(this.labels);
    const others = found.flatMap(({ series }) => series.flatMap(({ counts }) => Object.keys(counts)));
    const labels = [...this.labels, ...[...new Set(others)].filter((label) => !known.has(label)).sort()];
    byId("series-legend").replaceChildren(...labels.map((label) => element("li", {}, [swatch(label), label])));
    const sections = this.panels.slice(0, found.length).map((panel) => panel.section);
    if (byId("series").children.length !== sections.length) byId("series").replaceChildren(...sections);
    found.forEach((answer, number) => this.panels[number].show(span, labels, answer));
    this.nameButtons(found.map(({ topic }) => topic));
    this.offerMinutes(span, found[0].series.map(({ start }) => Date.parse(start) / 1000));
  }

  /** Each panel has a button, because a keyboard cannot click a chart. */
  nameButtons(topics) {
    this.buttons.forEach((button, number) => {
      button.hidden = number >= topics.length;
      setText(button, topics.length > 1 ? `Show the surest tweets: ${topics[number] || "all tweets"}` : "Show the surest tweets");
    });
  }

  /** The slider keeps its minute while time moves on; at first it is on the last whole minute. */
  offerMinutes(span, starts) {
    byId("minute-choice").hidden = span !== "hour";
    const before = this.starts?.[this.range.value];
    this.starts = starts;
    this.range.max = starts.length - 1;
    const place = starts.indexOf(before);
    this.range.value = place >= 0 ? place : Math.max(0, starts.length - 2);
    this.mark();
  }

  get picked() { return this.starts?.[this.range.value] ?? null; }

  mark() {
    const time = this.picked === null ? "" : stamp("hour", this.picked);
    setText(byId("minute-text"), time);
    this.range.setAttribute("aria-valuetext", time);
    for (const panel of this.panels) panel.chart.pick(this.span === "hour" ? this.picked : null);
  }

  pick(start, topic) {
    if (this.span !== "hour") return;
    this.range.value = this.starts.indexOf(start);
    this.mark();
    this.find(topic);
  }

  find(topic) {
    if (this.picked !== null) this.surest.find(this.picked, topic);
  }

  say(words) {
    byId("series-error").hidden = !words;
    setText(byId("series-error"), words);
  }
}
