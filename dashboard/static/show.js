// How numbers look, and how elements are made.
let colours = {};

const NO_BREAK = "\u00a0"; // a space that keeps number and unit on one line
const DECIMALS_BELOW = 100; // tenths of larger numbers are noise
const SHARE_PARTS = 1000; // shares are shown in tenths of a percent
export const UNKNOWN = "–";
export const useColours = (found) => { colours = found; };
const GREY = "#767676"; // of neutral without a threshold, and of labels that the page's model does not have
export const colourOf = (label) => colours[label] ?? GREY;
export const percent = (share) => `${(100 * share).toFixed(1)}${NO_BREAK}%`;
export const whole = (number) => number.toLocaleString("en");
export const rounded = (number) => (number < DECIMALS_BELOW ? number.toFixed(1) : whole(Math.round(number)));

/** Returns the texts of rates and of their total, with a decimal where the total is small. */
export function rates(numbers) {
  const total = sum(numbers);
  const small = total < DECIMALS_BELOW;
  const shown = (number) => (small ? number.toFixed(1) : whole(Math.round(number)));
  return { each: roundedParts(numbers, small ? 10 : 1).map(shown), total: shown(total) };
}

export const seconds = (number) => `${rounded(number)}${NO_BREAK}s`;
const TIME = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
export const clockTime = (unixSeconds) => TIME.format(1000 * unixSeconds);
export const duration = (ms) => (ms < 1000 ? `${ms}${NO_BREAK}ms` : seconds(ms / 1000));

export const isDark = matchMedia("(prefers-color-scheme: dark)");
export const cssColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
export const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/**
 * Rounds numbers to multiples of 1/`parts` so that they add up to their rounded sum: each is rounded down, and those
 * with the largest remainders up. Figures with a total below them must add up to the total that is shown.
 */
export function roundedParts(numbers, parts) {
  const scaled = numbers.map((number) => parts * number);
  const floors = scaled.map((number) => Math.floor(number + 1e-9));
  const missing = Math.round(sum(scaled)) - sum(floors);
  const byRemainder = scaled.map((_, place) => place).sort((one, other) => scaled[other] - floors[other] - (scaled[one] - floors[one]));
  for (const place of byRemainder.slice(0, missing)) floors[place] += 1;
  return floors.map((floor) => floor / parts);
}

/** Returns the texts of each number's share of the sum; the share of nothing is unknown. */
export function shares(numbers) {
  const total = sum(numbers);
  return total ? roundedParts(numbers.map((number) => number / total), SHARE_PARTS).map(percent) : numbers.map(() => UNKNOWN);
}

/** Sets a text only if it has changed: a screen reader reads a live region again after every change. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Returns an error of the server, which begins with a small letter and has no full stop, as a sentence. */
export const sentence = (error) => `${error.charAt(0).toUpperCase()}${error.slice(1)}.`;

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

/** Returns for each number the share of it and of all after it; the shares of nothing, or of what is unknown, are null. */
export function stacked(numbers) {
  const total = sum(numbers);
  return numbers.map((number, place) => (total && number !== null ? sum(numbers.slice(place)) / total : null));
}
