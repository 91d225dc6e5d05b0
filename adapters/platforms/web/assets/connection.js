// The event stream, and its coming back.

const SILENCE_MS = 40_000; // The server says something every 15 s.
const LONGEST_PAUSE_MS = 15_000;
const SAID_AFTER_MS = 1_000; // A short cut is nobody's concern.

export class Connection {
  #source = null;
  #pause = 0;
  #retry = 0;
  #watchdog = 0;
  #lost = 0;
  #handlers;

  // handlers: ready() once frames flow, frame(frame), lost(), back().
  constructor(handlers) {
    this.#handlers = handlers;
    window.addEventListener("online", () => this.#again(0));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#source?.readyState !== EventSource.OPEN) this.#again(0);
    });
  }

  open() {
    this.#close();
    this.#source = new EventSource("api/v1/events");
    this.#source.addEventListener("ready", () => this.#ready());
    this.#source.addEventListener("alive", () => this.#heard());
    this.#source.addEventListener("message", (event) => {
      this.#heard();
      this.#handlers.frame(JSON.parse(event.data));
    });
    this.#source.addEventListener("error", () => this.#broken());
    this.#heard();
  }

  #ready() {
    this.#pause = 0;
    clearTimeout(this.#lost);
    this.#lost = 0;
    this.#handlers.back();
    this.#handlers.ready();
  }

  #heard() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#broken(), SILENCE_MS);
  }

  #broken() {
    this.#close();
    this.#lost ||= setTimeout(() => this.#handlers.lost(), SAID_AFTER_MS);
    this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 2 || 500);
    // Spread out, so that all pages of a restarted server do not come back at once.
    this.#again(this.#pause * (0.75 + Math.random() / 2));
  }

  #again(milliseconds) {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.open(), milliseconds);
  }

  #close() {
    clearTimeout(this.#retry);
    clearTimeout(this.#watchdog);
    this.#source?.close();
    this.#source = null;
  }
}
