// A private chat: bubbles, and the commands that the bot offers.

import { clock, dots, el, words } from "./dom.js";
import { formatted } from "./entities.js";
import { Pane } from "./pane.js";

const at = (id) => document.getElementById(id);
const TYPING_MS = 5_000; // So long does Telegram show it.

const shown = new Map(); // id → { item, body }
let typing = 0;

const pane = new Pane(show);

function show(event) {
  switch (event.kind) {
    case "all":
      shown.clear();
      at("messages").replaceChildren();
      event.messages.forEach(draw);
      offer(event.commands);
      break;
    case "message":
      draw(event.message);
      if (!event.message.bot) break;
      types(false);
      pane.announce(shown.get(event.message.id).body.textContent);
      break;
    case "gone":
      shown.get(event.id)?.item.remove();
      shown.delete(event.id);
      break;
    case "typing":
      types(true);
  }
  at("welcome").hidden = shown.size > 0;
}

function draw(message) {
  const view = shown.get(message.id) ?? appear(message);
  const blank = message.bot && message.text.trim() === "…";
  view.body.replaceChildren(...(blank ? [dots()] : formatted(message.text, message.entities)));
}

function appear(message) {
  const body = el("div", { class: "rich", dir: "auto" });
  const author = el("strong", { class: "unseen" }, `${message.name}: `);
  const bubble = el("div", { class: "bubble" }, author, body, el("time", {}, clock(message.at)));
  const view = { body, item: el("li", { class: message.own ? "message own" : "message" }, bubble) };
  at("messages").append(view.item);
  shown.set(message.id, view);
  return view;
}

function types(now) {
  clearTimeout(typing);
  at("status").textContent = now ? `${words.writing} …` : at("status").dataset.idle;
  at("status").toggleAttribute("data-typing", now);
  if (now) typing = setTimeout(() => types(false), TYPING_MS);
}

function offer(commands) {
  at("open-menu").hidden = commands.length === 0;
  at("menu").replaceChildren(...commands.map(({ command, description }) => {
    const name = `/${command.replace(/^\//, "")}`;
    return el("li", {}, el("button", { type: "button", "data-say": name }, el("strong", {}, name), ` ${description}`));
  }));
}

function openMenu(open) {
  at("menu").hidden = !open;
  at("open-menu").setAttribute("aria-expanded", String(open));
  if (open) at("menu").querySelector("button")?.focus();
}

at("open-menu").addEventListener("click", () => openMenu(at("menu").hidden));
document.addEventListener("click", (event) => {
  if (!event.target.closest("#open-menu")) openMenu(false);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || at("menu").hidden) return;
  openMenu(false);
  at("open-menu").focus();
});
