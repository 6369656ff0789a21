// A sentence about a label that is not sure: the second best label, and how likely the text shows none of the labels.
import { percent } from "./show.js";

const SURE = 0.5; // a label below this score has more against it than for it; above it, neutral is likelier than not

/** Returns the sentence for a prediction, or an empty text for a sure label. */
export function doubt({ emotion, confidence, scores, neutral = null }) {
  if (confidence >= SURE && !(neutral > SURE)) return "";
  const others = Object.entries(scores).filter(([label]) => label !== emotion).sort(([, one], [, other]) => other - one);
  if (!others.length) return "";
  const [[next, score]] = others;
  if (!(emotion in scores)) return `No clear emotion; the closest is ${next} with ${percent(score)}.`;
  const none = neutral === null ? "" : `; neutral has ${percent(neutral)}`;
  return `Unsure: the second best label is ${next} with ${percent(score)}${none}.`;
}
