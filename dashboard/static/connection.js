// The stream of events, and whether it is alive.
import { clockTime, setText } from "./show.js";

// The server sends an event every second. After so long without an event, the connection is lost, whatever the browser
// knows: a network that drops packets closes nothing. A busy machine may skip two or three events; a reader should see
// within ten seconds that the figures are old.
const SILENCE_MS = 5000;
// The time until the next attempt where the browser makes none by itself.
const RECONNECT_MS = 2000;

/** Passes events on to `handlers`, by name, shows the state in `shown`, and calls `onLost` when the connection is lost. */
export class Connection {
  constructor(shown, handlers, onLost) {
    this.shown = shown;
    this.handlers = handlers;
    this.onLost = onLost;
    this.lastMs = null;
    this.connect();
  }

  connect() {
    this.events = new EventSource("events");
    for (const name of Object.keys(this.handlers)) this.events.addEventListener(name, (event) => this.receive(name, event));
    this.events.addEventListener("error", () => {
      // A browser makes no further attempt after a response that is no event stream, such as a proxy's error page.
      if (this.events.readyState === EventSource.CLOSED) this.reconnect(RECONNECT_MS);
      else this.lose();
    });
    this.waitForEvent();
  }

  /** Only an event is a sign of life: a proxy may answer in place of a server that hangs. */
  receive(name, event) {
    this.waitForEvent();
    this.lastMs = Date.now();
    this.show("live", "Live");
    this.handlers[name](JSON.parse(event.data));
  }

  waitForEvent() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.reconnect(0), SILENCE_MS);
  }

  reconnect(delayMs) {
    clearTimeout(this.silence);
    this.events.close();
    this.lose();
    setTimeout(() => this.connect(), delayMs);
  }

  lose() {
    const figures = this.lastMs === null ? "" : `; figures of ${clockTime(this.lastMs / 1000)}`;
    this.show("lost", `Connection lost${figures}; reconnecting …`);
    this.onLost();
  }

  show(state, words) {
    this.shown.dataset.state = state;
    setText(this.shown, words);
  }
}
