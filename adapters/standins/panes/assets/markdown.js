// Standard Markdown, which apps write to Slack, to DOM nodes: as much of it as answers use.

import { codeBlock, el } from "./dom.js";
import { inline } from "./inline.js";

const DEEPEST = 5;
const FENCE = /^\s{0,12}(`{3,}|~{3,})\s*([\w+#.-]{0,40})/;
const HEADING = /^ {0,3}#{1,6}\s+(.*?)\s*#*$/;
const RULE = /^ {0,3}([-*_])( *\1){2,} *$/;
const QUOTE = /^ {0,3}(?:>|&gt;) ?/;
const ITEM = /^( *)(?:[-*+]|(\d{1,9})[.)])\s+(?=\S)/;
const COLUMNS = /^[\s|:-]*-[\s|:-]*$/;

export function markdown(text, depth = 0) {
  const lines = text.split("\n");
  const nodes = [];
  for (let at = 0; at < lines.length; ) {
    if (!lines[at].trim()) {
      at += 1;
      continue;
    }
    const [node, next] = block(lines, at, depth);
    nodes.push(node);
    at = next;
  }
  return nodes;
}

function block(lines, at, depth) {
  const line = lines[at];
  if (FENCE.test(line)) return fence(lines, at);
  if (RULE.test(line)) return [el("hr"), at + 1];
  if (HEADING.test(line)) return [el("p", { class: "heading" }, ...inline(HEADING.exec(line)[1])), at + 1];
  if (QUOTE.test(line) && depth < DEEPEST) return quote(lines, at, depth);
  if (ITEM.test(line)) return list(lines, at, depth);
  if (line.includes("|") && COLUMNS.test(lines[at + 1] ?? "") && lines[at + 1].includes("|")) return table(lines, at);
  return paragraph(lines, at);
}

function fence(lines, at) {
  const [, mark, language] = FENCE.exec(lines[at]);
  const indent = lines[at].search(/\S/);
  let end = at + 1;
  while (end < lines.length && !closes(lines[end], mark)) end += 1;
  const inner = lines.slice(at + 1, end).map((line) => line.slice(Math.min(indent, line.search(/\S|$/))));
  return [codeBlock(inner.join("\n"), language), end + 1];
}

function closes(line, mark) {
  const found = line.trim();
  return found.length >= mark.length && found === mark[0].repeat(found.length);
}

function quote(lines, at, depth) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
  return [el("blockquote", {}, ...markdown(inner.join("\n"), depth + 1)), end];
}

// Items of one list with those that are indented deeper below them; a line that begins nothing goes on its item.
function list(lines, at, depth) {
  const [, indent, number] = ITEM.exec(lines[at]);
  const items = [];
  let end = at;
  for (let found; end < lines.length && (found = ITEM.exec(lines[end])); ) {
    const deeper = found[1].length > indent.length + 1;
    if (found[1].length < indent.length || (!deeper && (found[2] === undefined) !== (number === undefined))) break;
    if (deeper && depth < DEEPEST) {
      const [nested, next] = list(lines, end, depth + 1);
      items.at(-1).append(nested);
      end = next;
    } else {
      const text = [lines[end].slice(found[0].length)];
      for (end += 1; end < lines.length && goesOn(lines[end]); end += 1) text.push(lines[end].trim());
      items.push(el("li", {}, ...inline(text.join("\n"))));
    }
    if (!lines[end]?.trim() && ITEM.test(lines[end + 1] ?? "")) end += 1;
  }
  const start = number && number !== "1" ? number : null;
  return [el(number === undefined ? "ul" : "ol", { start }, ...items), end];
}

function goesOn(line) {
  return line.trim() && !begins(line);
}

function begins(line) {
  return [FENCE, HEADING, RULE, QUOTE, ITEM].some((pattern) => pattern.test(line));
}

function table(lines, at) {
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const row = (line, tag) => el("tr", {}, ...cells(line).map((cell) => el(tag, {}, ...inline(cell))));
  const body = lines.slice(at + 2, end).map((line) => row(line, "td"));
  return [el("div", { class: "table", tabindex: "0" }, el("table", {}, row(lines[at], "th"), ...body)), end];
}

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
}

function paragraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !begins(lines[end])) end += 1;
  return [el("p", {}, ...inline(lines.slice(at, end).map((line) => line.trim()).join("\n"))), end];
}
