// The form to try a text: the scores of its label, and the effect of each word.
import { doubt } from "./doubt.js";
import { colourOf, element, percent, swatch } from "./show.js";

// A word is marked if the score changes by so much without it, a twentieth of the bar below: the eye sees the change.
// Smaller changes are spread over words like "to" and "the".
const VISIBLE = 0.05;
const NO_ANSWER = "The server does not answer; try again in a moment.";

/** Returns an object whose `giveUp` ends the wait for an answer that will not come. */
export function setUpTry(form, answer) {
  let asked = new AbortController();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    asked = new AbortController();
    answer.replaceChildren(...(await explain(form.elements.text.value, asked.signal)));
    button.disabled = false;
  });
  return { giveUp: () => asked.abort() };
}

async function explain(text, signal) {
  try {
    const response = await fetch("explain", {
      method: "POST",
      signal,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text }),
    });
    const found = await response.json();
    return response.ok ? explanation(found) : [failure(found.error)];
  } catch {
    return [failure(NO_ANSWER)];
  }
}

const failure = (sentence) => element("p", { class: "error" }, [sentence]);

function explanation(found) {
  const label = element("p", { class: "label" }, [swatch(found.emotion), `${found.emotion}, ${percent(found.confidence)}`]);
  return [label, ...unsure(found), words(found), legend(found), scores(found), ...aboutNeutral(found)];
}

function unsure(found) {
  const sentence = doubt(found);
  return sentence ? [element("p", { class: "doubt" }, [sentence])] : [];
}

function words({ emotion, words: all }) {
  const largest = Math.max(VISIBLE, ...all.map(({ fall }) => Math.abs(fall ?? 0)));
  const spans = all.map(({ word, fall }) => oneWord(word, fall, largest, emotion));
  return element("p", { class: "words" }, spans.flatMap((span) => [span, " "]));
}

function oneWord(word, fall, largest, emotion) {
  if (fall === null) return element("span", { class: "untried" }, [word]);
  const kind = fall >= VISIBLE ? "for" : fall <= -VISIBLE ? "against" : "";
  const span = element("span", { class: kind }, [word]);
  span.style.setProperty("--strength", 0.1 + 0.3 * Math.min(1, Math.abs(fall) / largest));
  span.title = `without this word: ${emotion} ${fall >= 0 ? "−" : "+"}${percent(Math.abs(fall))}`;
  if (kind) span.append(element("span", { class: "unseen" }, [` (${kind} ${emotion}, ${percent(Math.abs(fall))})`]));
  return span;
}

/** Returns the meaning of the marks that the text has. */
function legend({ emotion, words: all }) {
  const least = `${100 * VISIBLE} points or more`;
  const rises = all.some(({ fall }) => fall <= -VISIBLE);
  const falls = all.some(({ fall }) => fall >= VISIBLE);
  const sentences = [];
  if (falls) sentences.push(`Solid underline: without this word, the score of ${emotion} falls by ${least}.`);
  if (rises) sentences.push(`Dashed underline: without this word, the score of ${emotion} rises by ${least}.`);
  if (!falls && !rises && all.some(({ fall }) => fall !== null)) sentences.push(`Without any one of these words, the score of ${emotion} changes by less than ${100 * VISIBLE} points.`);
  return element("p", { class: "hint" }, [sentences.join(" ")]);
}

function scores(found) {
  const rows = Object.entries(found.scores).sort(([, one], [, other]) => other - one);
  const table = element("table", {}, [element("caption", { class: "unseen" }, ["Scores"])]);
  table.append(element("tbody", {}, rows.map(([label, score]) => scoreRow(label, score))));
  if (hasNeutral(found)) table.append(element("tfoot", {}, [scoreRow("neutral", found.neutral)]));
  return table;
}

const hasNeutral = ({ neutral }) => neutral !== undefined;
const aboutNeutral = (found) =>
  hasNeutral(found) ? [element("p", { class: "hint" }, ["Neutral: the probability that the text shows none of these emotions."])] : [];

function scoreRow(label, score) {
  const name = element("th", {}, [swatch(label), label]);
  name.scope = "row";
  const bar = element("span");
  bar.style.setProperty("--colour", colourOf(label));
  bar.style.setProperty("--share", score);
  return element("tr", {}, [name, element("td", { class: "bar" }, [bar]), element("td", {}, [percent(score)])]);
}
