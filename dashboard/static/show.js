// How numbers look, and how elements are made.
let colours = {};

export const useColours = (found) => { colours = found; };
export const colourOf = (label) => colours[label] ?? "#999999";
export const percent = (share) => `${(100 * share).toFixed(1)} %`;
export const rounded = (number) => (number < 10 ? number.toFixed(1) : Math.round(number).toLocaleString("en"));

/** Only what has changed is set: a screen reader reads a live region again when it is touched. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Children are elements, or strings, which become text and nothing else. */
export function element(name, { class: className, data = {} } = {}, children = []) {
  const made = document.createElement(name);
  if (className) made.className = className;
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}
