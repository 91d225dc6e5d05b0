// Slack's mrkdwn, as it sends on what people type, to DOM nodes.

import { codeBlock, el, link } from "./dom.js";

const MARKS = { "*": "strong", _: "em", "~": "s" };
const TOKEN = /```([^]*?)```|`([^`\n]+)`|<([^<>\n]+)>|(?<![\p{L}\p{N}])([*_~])(?=\S)([^*_~\n]*[^\s*_~])\4(?![\p{L}\p{N}])/gu;

// `names`: what people and channels are called, by their ids.
export function mrkdwn(text, names) {
  const nodes = [];
  let at = 0;
  for (const found of text.matchAll(TOKEN)) {
    if (found.index > at) nodes.push(unescaped(text.slice(at, found.index)));
    nodes.push(element(found, names));
    at = found.index + found[0].length;
  }
  if (at < text.length) nodes.push(unescaped(text.slice(at)));
  return nodes;
}

function element([, block, code, reference, mark, marked], names) {
  if (block !== undefined) return codeBlock(unescaped(block.replace(/^\n|\n$/g, "")));
  if (code !== undefined) return el("code", { dir: "ltr" }, unescaped(code));
  if (reference !== undefined) return refer(reference, names);
  return el(MARKS[mark], {}, ...mrkdwn(marked, names));
}

function refer(inside, names) {
  const [target, label] = inside.split("|", 2);
  const id = target.slice(1);
  switch (target[0]) {
    case "@":
      return el("span", { class: "reference" }, `@${names[id] ?? id}`);
    case "#":
      return el("span", { class: "reference" }, `#${label ?? names[id] ?? id}`);
    case "!":
      return el("span", { class: "reference" }, `@${id}`);
    default:
      return link(unescaped(target), unescaped(label ?? target));
  }
}

function unescaped(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
