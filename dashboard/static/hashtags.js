// The hashtags of the last hour that rise most, which the page's server counts approximately.
import { clockTime, element, setText, whole } from "./show.js";

/** Shows the content of an event `hashtags`, the answer of `GET /hashtags`. */
export function showHashtags(list, hint, found) {
  const items = found.hashtags.map(item);
  list.replaceChildren(...(items.length ? items : [element("li", { class: "empty" }, [`No hashtag was used ${found.times_min} times in the last hour.`])]));
  setText(hint, about(found));
}

function item({ hashtag, last_hour: hour, hour_before: before }) {
  const counts = `${whole(hour)}${before === null ? "" : `, before ${whole(before)}`}`;
  return element("li", { data: { hashtag } }, [element("span", { class: "text" }, [hashtag]), " ", element("span", { class: "count" }, [counts])]);
}

function about(found) {
  const error = found.error_max ? `No number is too high by more than ${whole(found.error_max)}.` : "";
  const since = clockTime(Date.parse(found.from) / 1000).slice(0, 5);
  if (!found.minutes_before) return `The most frequent hashtags since ${since}. Which of them rise is known after an hour. ${error}`;
  const before = found.minutes_before < 60 ? `; of the hour before, ${found.minutes_before} minutes were read` : " and in the hour before";
  return `How often they were used in the last hour${before}. ${error}`;
}
