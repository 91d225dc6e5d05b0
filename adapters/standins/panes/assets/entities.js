// Telegram's text and entities to DOM nodes. Offsets and lengths count UTF-16 units, as JavaScript's own do.

import { codeBlock, el, link } from "./dom.js";

const TAGS = { bold: "strong", italic: "em", underline: "u", strikethrough: "s", code: "code" };
const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);

export function formatted(text, entities) {
  const sorted = [...entities].sort((one, other) => one.offset - other.offset || other.length - one.length);
  return span(text, 0, text.length, sorted);
}

// The text from start to end; `inside` are the entities in it, the outer before the inner.
function span(text, start, end, inside) {
  const nodes = [];
  let at = start;
  for (let index = 0; index < inside.length; ) {
    const entity = inside[index];
    const stop = Math.min(entity.offset + entity.length, end);
    const within = inside.slice(index + 1).findIndex((other) => other.offset >= stop);
    const next = within < 0 ? inside.length : index + 1 + within;
    const block = BLOCKS.has(entity.type);
    nodes.push(plain(text.slice(at, entity.offset), at > start && wasBlock(nodes), block));
    nodes.push(element(entity, text.slice(entity.offset, stop), span(text, entity.offset, stop, inside.slice(index + 1, next))));
    at = stop;
    index = next;
  }
  nodes.push(plain(text.slice(at, end), wasBlock(nodes), false));
  return nodes.filter((node) => node !== "");
}

// A block stands on lines of its own already: the line breaks beside it would be empty lines.
function plain(text, afterBlock, beforeBlock) {
  const from = afterBlock && text.startsWith("\n") ? 1 : 0;
  const to = beforeBlock && text.endsWith("\n") ? Math.max(from, text.length - 1) : text.length;
  return text.slice(from, to);
}

function wasBlock(nodes) {
  return ["PRE", "BLOCKQUOTE"].includes(nodes.at(-1)?.tagName);
}

function element(entity, text, children) {
  switch (entity.type) {
    case "pre":
      return codeBlock(text, entity.language);
    case "blockquote":
    case "expandable_blockquote":
      return el("blockquote", {}, ...children);
    case "text_link":
      return link(entity.url, ...children);
    case "url":
      return link(text, ...children);
    case "bot_command":
    case "mention":
    case "hashtag":
      return el("span", { class: "reference" }, ...children);
    default:
      return el(TAGS[entity.type] ?? "span", {}, ...children);
  }
}
