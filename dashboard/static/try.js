// The box to try a tweet: its scores, and which words mattered.
import { colourOf, element, percent } from "./show.js";

export function setUpTry(form, answer, swatch) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    answer.replaceChildren(...(await ask(form.elements.text.value, swatch)));
    button.disabled = false;
  });
}

async function ask(text, swatch) {
  try {
    const response = await fetch("/explain", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text }),
    });
    const found = await response.json();
    return response.ok ? shown(found, swatch) : [failure(found.error)];
  } catch {
    return [failure("The server does not answer; try again in a moment.")];
  }
}

const failure = (sentence) => element("p", { class: "error" }, [sentence]);

function shown(found, swatch) {
  const verdict = element("p", { class: "verdict" }, [swatch(found.emotion), `${found.emotion}, ${percent(found.confidence)}`]);
  return [verdict, words(found), note(found), scores(found, swatch)];
}

function words({ emotion, words: all }) {
  const largest = Math.max(0.05, ...all.map(({ fall }) => Math.abs(fall ?? 0)));
  const spans = all.map(({ word, fall }) => oneWord(word, fall, largest, emotion));
  return element("p", { class: "words" }, spans.flatMap((span) => [span, " "]));
}

function oneWord(word, fall, largest, emotion) {
  if (fall === null) return element("span", { class: "untried" }, [word]);
  const kind = fall > 0.005 ? "for" : fall < -0.005 ? "against" : "";
  const span = element("span", { class: kind }, [word]);
  span.style.setProperty("--strength", 0.1 + 0.3 * Math.min(1, Math.abs(fall) / largest));
  span.title = `${emotion} ${fall >= 0 ? "−" : "+"}${percent(Math.abs(fall))} without it`;
  if (kind) span.append(element("span", { class: "unseen" }, [` (${kind} ${emotion}, ${percent(Math.abs(fall))})`]));
  return span;
}

const note = ({ emotion }) =>
  element("p", { class: "note" }, [`Underlined: words without which the score of ${emotion} falls; dashed: without which it rises.`]);

function scores(found, swatch) {
  const rows = Object.entries(found.scores).sort(([, one], [, other]) => other - one);
  const table = element("table", {}, [element("caption", { class: "unseen" }, ["Scores"])]);
  table.append(element("tbody", {}, rows.map(([label, score]) => scoreRow(label, score, swatch))));
  return table;
}

function scoreRow(label, score, swatch) {
  const name = element("th", {}, [swatch(label), label]);
  name.scope = "row";
  const bar = element("span");
  bar.style.setProperty("--colour", colourOf(label));
  bar.style.setProperty("--share", score);
  return element("tr", {}, [name, element("td", { class: "bar" }, [bar]), element("td", {}, [percent(score)])]);
}
