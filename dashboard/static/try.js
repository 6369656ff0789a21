// The form to try a text: the scores of its label, and the effect of each word.
import { doubt } from "./doubt.js";
import { colourOf, element, percent, swatch } from "./show.js";

const SMALL_EFFECT = 0.005; // a change of the score below half a percent is not marked
const FULL_EFFECT = 0.05; // the largest effect of a text has the full colour, unless it is smaller than this

export function setUpTry(form, answer) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    answer.replaceChildren(...(await explain(form.elements.text.value)));
    button.disabled = false;
  });
}

async function explain(text) {
  try {
    const response = await fetch("explain", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text }),
    });
    const found = await response.json();
    return response.ok ? explanation(found) : [failure(found.error)];
  } catch {
    return [failure("The server does not answer; try again in a moment.")];
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
  const largest = Math.max(FULL_EFFECT, ...all.map(({ fall }) => Math.abs(fall ?? 0)));
  const spans = all.map(({ word, fall }) => oneWord(word, fall, largest, emotion));
  return element("p", { class: "words" }, spans.flatMap((span) => [span, " "]));
}

function oneWord(word, fall, largest, emotion) {
  if (fall === null) return element("span", { class: "untried" }, [word]);
  const kind = fall > SMALL_EFFECT ? "for" : fall < -SMALL_EFFECT ? "against" : "";
  const span = element("span", { class: kind }, [word]);
  span.style.setProperty("--strength", 0.1 + 0.3 * Math.min(1, Math.abs(fall) / largest));
  span.title = `without this word: ${emotion} ${fall >= 0 ? "−" : "+"}${percent(Math.abs(fall))}`;
  if (kind) span.append(element("span", { class: "unseen" }, [` (${kind} ${emotion}, ${percent(Math.abs(fall))})`]));
  return span;
}

const legend = ({ emotion }) =>
  element("p", { class: "hint" }, [`Solid underline: the score of ${emotion} falls without this word. Dashed underline: the score rises.`]);

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
