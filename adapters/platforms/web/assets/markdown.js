// Markdown to DOM. Streams well: blocks whose source did not change keep their elements.

import { copyButton, el, words } from "./dom.js";
import { inline } from "./inline.js";

const DEEPEST = 6;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}>\s?(.*)$/;
const ITEM = /^( {0,3})([-*+]|(\d{1,9})[.)])( +|$)(.*)$/;
const ROW = /^\s*\|?(.+?)\|?\s*$/;
const DELIMITERS = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

// Put the text into the container; call it again with a longer text and only the end is drawn anew.
export function render(container, text) {
  const before = container.drawn ?? [];
  const drawn = blocks(text.split(/\r\n?|\n/)).map((block, index) => {
    const old = before[index];
    if (old && old.key === block.key) return old;
    if (old?.update?.(block)) return { ...old, key: block.key };
    const view = { ...draw(block), key: block.key };
    if (old) old.element.replaceWith(view.element);
    else container.append(view.element);
    return view;
  });
  before.slice(drawn.length).forEach((old) => old.element.remove());
  container.drawn = drawn;
}

export function blocks(lines, depth = 0) {
  const found = [];
  for (let at = 0; at < lines.length; ) {
    if (!lines[at].trim()) {
      at += 1;
      continue;
    }
    const block = next(lines, at, depth);
    block.key = `${block.type}\n${lines.slice(at, block.end).join("\n")}`;
    at = block.end;
    found.push(block);
  }
  return found;
}

function next(lines, at, depth) {
  const nested = depth < DEEPEST;
  return (
    fence(lines, at) ??
    heading(lines, at) ??
    (RULE.test(lines[at]) ? { type: "rule", end: at + 1 } : null) ??
    (nested ? (quote(lines, at, depth) ?? list(lines, at, depth)) : null) ??
    table(lines, at) ??
    paragraph(lines, at, nested)
  );
}

function fence(lines, at) {
  const opening = FENCE.exec(lines[at]);
  if (!opening) return null;
  const [, mark, info] = opening;
  const close = new RegExp(`^ {0,3}\\${mark[0]}{${mark.length},}\\s*$`);
  const indent = lines[at].length - lines[at].trimStart().length;
  let end = at + 1;
  while (end < lines.length && !close.test(lines[end])) end += 1;
  const inner = lines.slice(at + 1, end).map((line) => line.replace(new RegExp(`^ {0,${indent}}`), ""));
  return { type: "code", language: info.trim().split(/\s/)[0], text: inner.join("\n"), end: Math.min(end + 1, lines.length) };
}

function heading(lines, at) {
  const found = HEADING.exec(lines[at]);
  return found && { type: "heading", level: found[1].length, text: found[2] ?? "", end: at + 1 };
}

function quote(lines, at, depth) {
  const inner = [];
  let end = at;
  for (let found; end < lines.length && (found = QUOTE.exec(lines[end])); end += 1) inner.push(found[1]);
  return inner.length ? { type: "quote", blocks: blocks(inner, depth + 1), end } : null;
}

function list(lines, at, depth) {
  const first = ITEM.exec(lines[at]);
  if (!first) return null;
  const ordered = first[3] !== undefined;
  const items = [];
  let end = at;
  for (let found; end < lines.length && (found = ITEM.exec(lines[end])); ) {
    if ((found[3] !== undefined) !== ordered || RULE.test(lines[end])) break;
    const indent = found[1].length + found[2].length + Math.min(Math.max(found[4].length, 1), 4);
    const inner = [found[5]];
    end += 1;
    while (end < lines.length && belongs(lines, end, indent, inner)) inner.push(unindented(lines[end++], indent));
    items.push(blocks(inner, depth + 1));
    while (end < lines.length && !lines[end].trim() && ITEM.test(following(lines, end))) end += 1;
  }
  return { type: "list", ordered, start: ordered ? Number(first[3]) : 1, items, end };
}

// A line goes on an item if it is indented, or blank before such a one, or simply goes on its paragraph. What models
// indent by two or three under "1." is meant to be inside.
function belongs(lines, at, indent, inner) {
  const line = lines[at].trim() ? lines[at] : following(lines, at);
  if (!line) return false;
  const own = line.length - line.trimStart().length;
  if (own >= Math.min(indent, 2)) return true;
  return Boolean(lines[at].trim() && inner.at(-1).trim()) && !ITEM.test(line) && !begins(lines, at);
}

function following(lines, at) {
  while (at < lines.length && !lines[at].trim()) at += 1;
  return lines[at] ?? "";
}

function unindented(line, indent) {
  const own = line.length - line.trimStart().length;
  return line.slice(Math.min(own, indent));
}

function table(lines, at) {
  if (!lines[at].includes("|") || !DELIMITERS.test(lines[at + 1] ?? "") || !lines[at + 1].includes("-")) return null;
  const head = cells(lines[at]);
  const aligns = cells(lines[at + 1]).map((cell) => (cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "end") : "start"));
  if (aligns.length !== head.length) return null;
  let end = at + 2;
  while (end < lines.length && lines[end].trim() && lines[end].includes("|")) end += 1;
  const rows = lines.slice(at + 2, end).map((line) => head.map((_, column) => cells(line)[column] ?? ""));
  return { type: "table", head, aligns, rows, end };
}

function cells(line) {
  const inner = ROW.exec(line)?.[1] ?? "";
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function paragraph(lines, at, nested) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !begins(lines, end, nested)) end += 1;
  const text = lines.slice(at, end).map((line) => line.trim()).join("\n");
  return { type: "paragraph", text, end };
}

function begins(lines, at, nested = true) {
  const line = lines[at];
  if (FENCE.test(line) || HEADING.test(line) || RULE.test(line)) return true;
  return nested && (QUOTE.test(line) || /^ {0,3}([-*+]|1[.)]) +\S/.test(line));
}

function draw(block) {
  switch (block.type) {
    case "code":
      return drawCode(block);
    case "heading":
      // The page's own headings are the first three levels.
      return { element: el(`h${Math.min(block.level + 3, 6)}`, { dir: "auto" }, ...inline(block.text)) };
    case "rule":
      return { element: el("hr") };
    case "quote":
      return { element: el("blockquote", { dir: "auto" }, ...block.blocks.map((inner) => draw(inner).element)) };
    case "list":
      return { element: drawList(block) };
    case "table":
      return { element: drawTable(block) };
    default:
      return { element: el("p", { dir: "auto" }, ...inline(block.text)) };
  }
}

function drawCode(block) {
  const text = document.createTextNode(block.text);
  const label = el("span", {}, block.language || "Code");
  const copy = copyButton(words.copy_code, () => text.data);
  const pre = el("pre", { dir: "ltr", tabindex: "0", "aria-label": block.language || "Code" }, el("code", {}, text));
  const update = (newer) => {
    if (newer.type !== "code" || newer.language !== block.language) return false;
    // In place, so that what was scrolled or selected stays so.
    if (newer.text.startsWith(text.data)) text.appendData(newer.text.slice(text.length));
    else text.data = newer.text;
    return true;
  };
  return { element: el("div", { class: "code", role: "group" }, el("header", {}, label, copy), pre), update };
}

function drawList(block) {
  const items = block.items.map((inner) => {
    const [first, ...others] = inner;
    // An item of one paragraph, with or without a list under it, is written without the paragraph's spacing.
    const tight = first?.type === "paragraph" && others.every((other) => other.type === "list");
    const rest = (tight ? others : inner).map((other) => draw(other).element);
    return el("li", { dir: "auto" }, ...(tight ? inline(first.text) : []), ...rest);
  });
  const start = block.ordered && block.start !== 1 ? block.start : null;
  return el(block.ordered ? "ol" : "ul", { start }, ...items);
}

function drawTable(block) {
  const row = (tag, texts) =>
    el("tr", {}, ...texts.map((text, column) => el(tag, { dir: "auto", class: `align-${block.aligns[column]}` }, ...inline(text))));
  const head = el("thead", {}, row("th", block.head));
  const body = el("tbody", {}, ...block.rows.map((texts) => row("td", texts)));
  return el("div", { class: "table", tabindex: "0", role: "group" }, el("table", {}, head, body));
}
