// A channel: messages, each with its thread below it.

import { clock, dots, el, icon, words } from "./dom.js";
import { markdown } from "./markdown.js";
import { mrkdwn } from "./mrkdwn.js";
import { Pane } from "./pane.js";

const at = (id) => document.getElementById(id);
const LONGEST_WHERE = 60;
const REPLY = "M8 5 4 9l4 4M4 9h8a4 4 0 0 1 4 4v2";

const shown = new Map(); // id → { message, item, body, thread }
let names = {};
let thread = "";
let awaited = false; // The next message of ours outside a thread opens the one to go on in.

const pane = new Pane(show, () => {
  awaited = !thread;
  return { thread, mention: at("mention").getAttribute("aria-pressed") === "true" };
});

function show(event) {
  switch (event.kind) {
    case "all":
      shown.clear();
      at("messages").replaceChildren();
      names = event.names;
      event.messages.forEach(draw);
      Object.entries(event.statuses).forEach(([id, text]) => status(id, text));
      if (!shown.has(thread)) answerIn("");
      break;
    case "message":
      draw(event.message);
      if (event.message.bot) pane.announce(shown.get(event.message.id).body.textContent);
      if (awaited && event.message.own && !event.message.thread) {
        awaited = false;
        answerIn(event.message.id);
      }
      break;
    case "gone":
      shown.get(event.id)?.item.remove();
      shown.delete(event.id);
      if (thread === event.id) answerIn("");
      break;
    case "typing":
      status(event.thread, event.text);
  }
  at("welcome").hidden = shown.size > 0;
}

function draw(message) {
  const view = shown.get(message.id) ?? appear(message);
  view.message = message;
  view.item.toggleAttribute("data-writing", message.writing);
  const blank = message.bot && ["", "…"].includes(message.text.trim());
  const text = message.markup === "markdown" ? markdown(message.text) : mrkdwn(message.text, names);
  view.body.replaceChildren(...(blank ? [dots()] : text));
  view.stop.hidden = !message.writing;
  // What is said ends what stands below about its being written.
  if (message.bot && !message.writing && !blank) status(message.thread, "");
}

function appear(message) {
  const place = message.thread && shown.get(message.thread);
  const view = { body: el("div", { class: "rich", dir: "auto" }), replies: el("ol", { class: "replies" }) };
  view.stop = el("button", { type: "button", class: "small", hidden: true }, words.stop);
  view.stop.addEventListener("click", () => pane.post("stop", { thread: message.thread || message.id }));
  view.status = el("p", { class: "status", hidden: true });
  const avatar = el("span", { class: message.bot ? "avatar bot" : "avatar", "aria-hidden": "true" }, message.name[0]);
  const head = el("p", { class: "head" }, el("strong", {}, message.name), badge(message), el("time", {}, clock(message.at)));
  const whisper = message.whisper && el("p", { class: "whisper" }, words.only_you);
  const column = el("div", { class: "column" }, ...[whisper, head, view.body, view.stop].filter(Boolean));
  view.item = el("li", { class: "message", "data-whisper": message.whisper, "data-own": message.own }, avatar, column);
  if (!place && !message.whisper) column.append(threadOf(view, message));
  (place ? place.replies : at("messages")).append(view.item);
  shown.set(message.id, view);
  return view;
}

function badge(message) {
  return el("span", { class: "badge" }, message.bot ? "App" : words.sample);
}

function threadOf(view, message) {
  const reply = el("button", { type: "button", class: "small reply" }, icon(REPLY), words.reply);
  reply.addEventListener("click", () => {
    answerIn(message.id);
    at("text").focus();
  });
  return el("div", { class: "thread" }, view.replies, view.status, reply);
}

// What stands under a thread while the app is at it. The four states of a session are no words for people.
function status(id, text) {
  const view = shown.get(id);
  if (!view) return;
  const said = { active: "", closed: "", suspended: "", processing: words.writing }[text] ?? (text && `plausch ${text}`);
  view.status.textContent = said;
  view.status.hidden = !said;
}

function answerIn(id) {
  thread = id;
  const text = id ? shown.get(id).body.textContent.trim() : "";
  at("where").hidden = !id;
  at("where-text").textContent = text.length > LONGEST_WHERE ? `${text.slice(0, LONGEST_WHERE)} …` : text;
  at("text").placeholder = id ? words.slack_placeholder_thread : words.slack_placeholder;
  for (const [key, view] of shown) view.item.toggleAttribute("data-open", key === id);
}

at("leave").addEventListener("click", () => {
  answerIn("");
  at("text").focus();
});
at("mention").addEventListener("click", ({ currentTarget: button }) => {
  button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
});
