// The marks inside a line of Markdown: code, links, bold, italic, struck through. What is none stays text.

import { el, link } from "./dom.js";

const DEEPEST = 6;
const LONGEST_RUN = 100;
const PLAIN = /[^\\`*_~[<&h\n]+/y;
const ESCAPED = /\\([!-/:-@[-`{-~])/y;
const LINK = /\[([^\[\]\n]{1,500})\]\(([^\s()<>]{1,2000}(?:\([^\s()<>]{0,500}\)[^\s()<>]{0,500})?)\)/y;
const ANGLE = /<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/y;
const BARE = /https?:\/\/[^\s<>()[\]`*]{0,2000}[^\s<>()[\]`*.,;:!?'"]/y;
const CHARACTER = /&(amp|lt|gt);/y;
const CHARACTERS = { amp: "&", lt: "<", gt: ">" };
const MARKS = [
  ["**", "strong"],
  ["__", "strong"],
  ["~~", "s"],
  ["*", "em"],
  ["_", "em"],
];

export function inline(text, depth = 0) {
  const nodes = [];
  // Marks that are closed nowhere behind: looked for once, however often they come.
  const unclosed = new Set();
  for (let at = 0; at < text.length; ) {
    const [node, length] = next(text, at, depth, unclosed);
    nodes.push(node);
    at += length;
  }
  return nodes;
}

function next(text, at, depth, unclosed) {
  const match = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  let found;
  if ((found = match(PLAIN))) return [found[0], found[0].length];
  if (text[at] === "\n") return [el("br"), 1];
  if ((found = match(ESCAPED))) return [found[1], 2];
  if ((found = match(CHARACTER))) return [CHARACTERS[found[1]], found[0].length];
  if ((found = match(ANGLE))) return [link(found[1], found[1]), found[0].length];
  if ((found = match(BARE))) return [link(found[0], found[0]), found[0].length];
  if (depth < DEEPEST && (found = match(LINK))) return [link(found[2], ...inline(found[1], DEEPEST)), found[0].length];
  if (text[at] === "`") return code(text, at, unclosed);
  return depth < DEEPEST ? marked(text, at, depth, unclosed) : [text[at], 1];
}

function code(text, at, unclosed) {
  const ticks = /`+/y;
  ticks.lastIndex = at;
  const [run] = ticks.exec(text);
  const end = unclosed.has(run) ? -1 : closing(text, at + run.length, run, "`");
  if (end < 0) {
    unclosed.add(run);
    return [run, run.length];
  }
  const inner = text.slice(at + run.length, end);
  const trimmed = /^ .*[^ ].* $/.test(inner) ? inner.slice(1, -1) : inner;
  return [el("code", { dir: "ltr" }, trimmed), end + run.length - at];
}

function marked(text, at, depth, unclosed) {
  for (const [mark, tag] of MARKS) {
    if (!text.startsWith(mark, at) || unclosed.has(mark)) continue;
    const start = at + mark.length;
    if (/\s|^$/.test(text[start] ?? "") || (mark[0] === "_" && isWord(text[at - 1]))) continue;
    if (mark.length === 1 && text[start] === mark) continue;
    const end = closing(text, start, mark, mark[0]);
    if (end < 0) {
      unclosed.add(mark);
      continue;
    }
    return [el(tag, {}, ...inline(text.slice(start, end), depth + 1)), end + mark.length - at];
  }
  const [run] = /^(.)\1*/.exec(text.slice(at, at + LONGEST_RUN));
  return [run, run.length];
}

// Where the mark stands again, neither longer nor behind a blank; -1 where nowhere.
function closing(text, start, mark, sign) {
  for (let at = text.indexOf(mark, start); at >= 0; ) {
    let end = at;
    while (text[end] === sign) end += 1;
    const fits = end - at === mark.length || (sign !== "`" && end - at > mark.length && mark.length === 2);
    const blank = sign !== "`" && /\s/.test(text[at - 1]);
    if (fits && !blank && end - mark.length > start && !(sign === "_" && isWord(text[end]))) return end - mark.length;
    at = text.indexOf(mark, end);
  }
  return -1;
}

function isWord(character) {
  return character !== undefined && /[\p{L}\p{N}]/u.test(character);
}
