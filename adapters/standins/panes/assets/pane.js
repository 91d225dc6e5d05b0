// What both panes do: follow the stand-in's events, send what is written, keep the end in view.

import { words } from "./dom.js";

const at = (id) => document.getElementById(id);
const LOST_AFTER_MS = 1_500; // A short cut is nobody's concern.
const QUIET_MS = 2_000; // A message that did not change for so long is read out.

export class Pane {
  #path = document.body.dataset.pane;
  #source = null;
  #lost = 0;
  #quiet = 0;
  #following = true;
  #show;

  // show(event): draw what the stand-in says. extra(): what goes with each message that is sent.
  constructor(show, extra = () => ({})) {
    this.#show = show;
    this.#wireScroll();
    this.#wireComposer(extra);
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.#open()));
    this.#open();
  }

  // Returns whether it was taken.
  async post(what, content) {
    try {
      const response = await fetch(`${this.#path}/${what}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(content),
      });
      return response.ok;
    } catch {
      return false;
    }
  }

  keepUp() {
    if (this.#following) at("scroll").scrollTop = at("scroll").scrollHeight;
  }

  // For screen readers, when a message has come to rest.
  announce(text) {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => (at("said").textContent = text), QUIET_MS);
  }

  // A page in the background gives its connection back: browsers have only six for each address.
  #open() {
    if (this.#source) return;
    this.#source = new EventSource(`${this.#path}/events`);
    this.#source.addEventListener("message", (event) => {
      clearTimeout(this.#lost);
      this.#lost = 0;
      at("lost").hidden = true;
      this.#show(JSON.parse(event.data));
      this.keepUp();
    });
    this.#source.addEventListener("error", () => {
      this.#lost ||= setTimeout(() => (at("lost").hidden = false), LOST_AFTER_MS);
      // The browser gives up by itself only where something else answers.
      if (this.#source?.readyState !== EventSource.CLOSED) return;
      this.#close();
      setTimeout(() => this.#open(), LOST_AFTER_MS);
    });
  }

  #close() {
    this.#source?.close();
    this.#source = null;
  }

  #wireScroll() {
    const scroll = at("scroll");
    scroll.addEventListener(
      "scroll",
      () => (this.#following = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 48),
      { passive: true },
    );
    new ResizeObserver(() => this.keepUp()).observe(scroll);
  }

  #wireComposer(extra) {
    const text = at("text");
    const grow = () => {
      if (CSS.supports("field-sizing", "content")) return;
      text.style.blockSize = "auto";
      text.style.blockSize = `${text.scrollHeight}px`;
    };
    const send = async (written) => {
      if (!written.trim()) return;
      this.#following = true;
      at("lost").textContent = words.lost;
      if (await this.post("messages", { text: written, ...extra() })) return;
      if (!text.value) text.value = written;
      at("lost").textContent = words.not_sent;
      at("lost").hidden = false;
    };
    at("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      const written = text.value;
      text.value = "";
      grow();
      send(written);
      text.focus();
    });
    text.addEventListener("input", grow);
    text.addEventListener("keydown", (event) => {
      // While an input method composes, Enter belongs to it.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      at("composer").requestSubmit();
    });
    document.addEventListener("click", (event) => {
      const said = event.target.closest?.("[data-say]")?.dataset.say;
      if (said) send(said);
    });
  }
}
