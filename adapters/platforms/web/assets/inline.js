// Inline Markdown to DOM nodes: code, links, bold, italic, struck through. Everything else is text, HTML included.

import { el } from "./dom.js";

const DEEPEST = 8;
const PLAIN = /[^\\`*_~[!<h\n]+|h(?!ttps?:\/\/)[^\\`*_~[!<h\n]*/uy;
const ESCAPE = /\\([!-/:-@[-`{-~])/y;
const LINK = /!?\[((?:[^\[\]\\\n]|\\.){0,500})\]\(\s*<?([^\s<>()]{0,2000}(?:\([^\s<>()]{0,500}\)[^\s<>()]{0,500})?)>?(?:\s+"[^"\n]{0,300}")?\s*\)/y;
const ANGLE = /<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/y;
const BARE = /https?:\/\/[^\s<>"'`*„“”]{1,2000}/y;
const MARKS = [
  ["**", "strong"],
  ["__", "strong"],
  ["~~", "s"],
  ["*", "em"],
  ["_", "em"],
];

// `linked`: inside a link, where there is no other link.
export function inline(text, depth = 0, linked = false) {
  const nodes = [];
  let plain = "";
  const push = (node) => {
    if (plain) nodes.push(plain);
    plain = "";
    nodes.push(node);
  };
  const state = { depth, linked, absent: new Set(), runs: tickRuns(text) };
  for (let at = 0; at < text.length; ) {
    const found = token(text, at, state);
    if (typeof found.node === "string") plain += found.node;
    else push(found.node);
    at = found.end;
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function token(text, at, state) {
  const match = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  const plain = match(PLAIN);
  if (plain) return { node: plain[0], end: at + plain[0].length };
  switch (text[at]) {
    case "\n":
      return { node: el("br"), end: at + 1 };
    case "\\":
      return taken(match(ESCAPE), at, (found) => found[1]) ?? letter(text, at);
    case "`":
      return code(text, at, state.runs);
    case "!":
    case "[":
      return (!state.linked && taken(match(LINK), at, (found) => link(found, state.depth))) || letter(text, at);
    case "<":
      return (!state.linked && taken(match(ANGLE), at, ([, address]) => anchor(address, [address]))) || letter(text, at);
    case "h":
      return (!state.linked && bare(match(BARE), at)) || letter(text, at);
    default:
      return marked(text, at, state) ?? letter(text, at);
  }
}

function taken(found, at, make) {
  return found && { node: make(found), end: at + found[0].length };
}

function letter(text, at) {
  return { node: text[at], end: at + 1 };
}

function code(text, at, runs) {
  let start = at;
  while (text[start] === "`") start += 1;
  const later = runs.get(start - at) ?? [];
  while (later.at(-1) <= at) later.pop();
  const end = later.at(-1);
  if (end === undefined) return { node: text.slice(at, start), end: start };
  const inner = text.slice(start, end).replaceAll("\n", " ");
  const trimmed = /^ .*[^ ].* $/.test(inner) ? inner.slice(1, -1) : inner;
  return { node: el("code", { dir: "ltr" }, trimmed), end: end + start - at };
}

// Where runs of backticks begin, by their length, the last first: each is looked at once, however many there are.
function tickRuns(text) {
  const runs = new Map();
  for (const { 0: run, index } of [...text.matchAll(/`+/g)].reverse()) {
    if (!runs.has(run.length)) runs.set(run.length, []);
    runs.get(run.length).push(index);
  }
  return runs;
}

function marked(text, at, { depth, linked, absent }) {
  if (depth >= DEEPEST) return null;
  for (const [mark, tag] of MARKS) {
    if (!text.startsWith(mark, at) || absent.has(mark)) continue;
    if (mark[0] === "_" && isWord(text[at - 1])) continue;
    const start = at + mark.length;
    if (!text[start] || /\s/.test(text[start])) continue;
    const end = closing(text, start, mark);
    if (end < 0) {
      absent.add(mark);
      continue;
    }
    return { node: el(tag, {}, ...inline(text.slice(start, end), depth + 1, linked)), end: end + mark.length };
  }
  const run = text.startsWith(text[at].repeat(2), at) ? 2 : 1;
  return { node: text.slice(at, at + run), end: at + run };
}

function closing(text, start, mark) {
  for (let at = text.indexOf(mark, start + 1); at >= 0; at = text.indexOf(mark, at + 1)) {
    const after = text[at + mark.length];
    if (/[\s\\]/.test(text[at - 1])) continue;
    if (mark === "_" && isWord(after)) continue;
    if (mark.length === 1 && (after === mark || text[at - 1] === mark)) {
      at += after === mark ? 1 : 0;
      continue;
    }
    return text.startsWith(mark + mark[0], at) && mark.length === 2 ? at + 1 : at;
  }
  return -1;
}

function link([, label, address], depth) {
  return anchor(address, inline(label || address, depth + 1, true));
}

function bare(found, at) {
  if (!found) return null;
  const address = found[0].replace(/[.,;:!?)\]}]+$/, "");
  return { node: anchor(address, [address]), end: at + address.length };
}

// Only what leads to a page or a mail program becomes a link. Pictures become one too: nothing is loaded from elsewhere.
function anchor(address, children) {
  if (!/^(https?:\/\/[^\s/]|mailto:[^\s])/i.test(address)) return el("span", {}, ...children);
  return el("a", { href: address, rel: "noopener noreferrer", target: "_blank" }, ...children);
}

function isWord(character) {
  return character !== undefined && /[\p{L}\p{N}_]/u.test(character);
}
