// The page: what is written goes to the server once, what comes back is shown as it comes.

import { Connection } from "./connection.js";
import { words } from "./dom.js";
import { draft, dropUnsent, keepDraft, keepUnsent, unsent, uuid } from "./outbox.js";
import { Turns } from "./turns.js";

const at = (id) => document.getElementById(id);
const page = {
  text: at("text"),
  scroll: at("scroll"),
  send: at("send"),
  stop: at("stop"),
  welcome: at("welcome"),
  earlier: at("earlier"),
  toEnd: at("to-end"),
  lost: at("lost"),
};
const turns = new Turns(at("turns"));
const finePointer = matchMedia("(pointer: fine)").matches;

let loaded = false;
let sending = false;
let retry = 0;
let pause = 0;
let following = true;

// ── talking to the server ────────────────────────────────────────────────────────────────────────────────────────

function call(path, content) {
  const headers = { "Accept-Language": document.documentElement.lang };
  if (content === undefined) return fetch(path, { headers });
  return fetch(path, { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(content) });
}

async function load() {
  try {
    const response = await call("api/v1/conversation");
    if (!response.ok) return false;
    turns.merge((await response.json()).turns);
    loaded = true;
    refresh();
    return true;
  } catch {
    return false; // The connection says so already, and loads again when it is back.
  }
}

// In the order they were written, one after the other.
async function flush() {
  if (sending) return;
  sending = true;
  clearTimeout(retry);
  try {
    for (let item; (item = unsent()[0]); pause = 0) {
      if (await post(item)) continue;
      turns.delayed(item.id);
      pause = Math.min(15_000, pause * 2 || 1_000);
      retry = setTimeout(flush, pause);
      return;
    }
  } finally {
    sending = false;
    if (turns.strays) load();
    refresh();
  }
}

// Whether it is settled: taken, or refused for good.
async function post({ id, text }) {
  try {
    const response = await call("api/v1/messages", { id, text });
    if (response.status >= 500 || response.status === 429) return false;
    const content = await response.json();
    dropUnsent(id);
    if (response.ok) await taken(id, content.turn);
    else refused(id, text, content);
    return true;
  } catch {
    return false;
  }
}

async function taken(id, turn) {
  if (turn) {
    turns.bind(id, turn);
    return;
  }
  if (await load()) turns.drop(id);
}

function refused(id, text, problem) {
  turns.failed(id, problem);
  if (!page.text.value) write(text);
}

async function stop() {
  if (!turns.answering) return;
  try {
    await call("api/v1/stop", { id: uuid() });
  } catch {
    // Not reached: the banner says why, the button can be pressed again.
  }
}

const connection = new Connection({
  ready: async () => {
    await load();
    flush();
  },
  frame: (frame) => {
    const problem = turns.show(frame);
    if (problem === "gap") connection.open(); // The first frame of a new stream is the answer so far.
    // A turn that another tab asked, or a notice that may have begun the conversation afresh.
    if ((problem === "unknown" && !sending) || (frame.last && ["", "notice"].includes(frame.kind))) load();
    refresh();
  },
  lost: () => (page.lost.hidden = false),
  back: () => (page.lost.hidden = true),
});

// ── the page's own parts ─────────────────────────────────────────────────────────────────────────────────────────

function submit(text) {
  if (!text.trim()) return;
  const item = { id: uuid(), text };
  keepUnsent(item);
  turns.ask(item.id, text);
  following = true;
  refresh();
  flush();
}

function write(text) {
  page.text.value = text;
  keepDraft(text);
  grow();
  page.send.setAttribute("aria-disabled", String(!text.trim()));
}

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  page.text.style.blockSize = "auto";
  page.text.style.blockSize = `${page.text.scrollHeight}px`;
}

function refresh() {
  const hadFocus = document.activeElement === page.stop;
  page.stop.hidden = !turns.answering;
  if (hadFocus && page.stop.hidden && finePointer) page.text.focus();
  page.welcome.hidden = !loaded || turns.visible;
  page.earlier.hidden = !turns.earlier;
  keepUp();
}

// Follow the end, unless the reader has gone up to read.
function keepUp() {
  if (following) page.scroll.scrollTop = page.scroll.scrollHeight;
  page.toEnd.hidden = following;
}

function isAtEnd() {
  return page.scroll.scrollHeight - page.scroll.scrollTop - page.scroll.clientHeight < 48;
}

function wire() {
  at("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = page.text.value;
    if (!text.trim()) return;
    write("");
    submit(text);
    page.text.focus();
  });
  page.text.addEventListener("input", () => write(page.text.value));
  page.text.addEventListener("keydown", (event) => {
    // While an input method composes, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    at("composer").requestSubmit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing && !event.repeat) stop();
  });
  document.addEventListener("click", (event) => {
    const text = event.target.closest?.("[data-say]")?.dataset.say;
    if (!text) return;
    submit(text);
    if (finePointer) page.text.focus();
  });
  page.stop.addEventListener("click", stop);
  page.earlier.addEventListener("click", () => {
    turns.showAll();
    following = false;
    refresh();
    page.scroll.focus();
  });
  page.toEnd.addEventListener("click", () => {
    following = true;
    keepUp();
    page.text.focus();
  });
  at("language").addEventListener("click", (event) => {
    document.cookie = `plausch_language=${event.currentTarget.value}; path=/; max-age=15552000; SameSite=Lax`;
    location.reload();
  });
  page.scroll.addEventListener("scroll", () => {
    following = isAtEnd();
    page.toEnd.hidden = following;
  }, { passive: true });
  page.scroll.addEventListener("drawn", keepUp);
  new ResizeObserver(keepUp).observe(page.scroll);
}

wire();
write(draft());
for (const { id, text } of unsent()) turns.ask(id, text);
// In a frame the focus is not ours to take; on a phone it would open the keyboard.
if (finePointer && window.top === window) page.text.focus();
refresh();
connection.open();
