// How numbers look, and how elements are made.
let colours = {};

const NO_BREAK = "\u00a0"; // a space that keeps number and unit on one line
export const UNKNOWN = "–";
export const useColours = (found) => { colours = found; };
const GREY = "#767676"; // of neutral without a threshold, and of labels that the page's model does not have
export const colourOf = (label) => colours[label] ?? GREY;
export const percent = (share) => `${(100 * share).toFixed(1)}${NO_BREAK}%`;
export const whole = (number) => number.toLocaleString("en");
export const rounded = (number) => (number < 10 ? number.toFixed(1) : whole(Math.round(number)));
export const seconds = (number) => `${rounded(number)}${NO_BREAK}s`;
export const duration = (ms) => (ms < 1000 ? `${ms}${NO_BREAK}ms` : seconds(ms / 1000));

/** Sets a text only if it has changed: a screen reader reads a live region again after every change. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Makes an element. Children are elements, or strings, which become text and never HTML. */
export function element(name, { class: className, data = {} } = {}, children = []) {
  const made = document.createElement(name);
  if (className) made.className = className;
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

/** Makes a small square in a label's colour. */
export function swatch(label) {
  const mark = element("span", { class: "swatch" });
  mark.style.setProperty("--colour", colourOf(label));
  return mark;
}
