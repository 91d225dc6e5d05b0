// Building the page. Text from people and models only ever becomes text nodes and checked addresses.

export const words = JSON.parse(document.getElementById("words").textContent);

export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  element.append(...children);
  for (const [name, value] of Object.entries(properties)) {
    if (value === false || value === undefined || value === null) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  return element;
}

// Only what leads to a page or a mail program becomes a link.
export function link(address, ...children) {
  if (!/^(https?:\/\/[^\s/]|mailto:[^\s])/i.test(address)) return el("span", {}, ...children);
  return el("a", { href: address, rel: "noopener noreferrer", target: "_blank" }, ...children);
}

export function codeBlock(text, language = "") {
  return el("pre", { dir: "ltr", tabindex: "0", "data-language": language || null }, el("code", {}, text));
}

export function dots() {
  return el("span", { class: "dots", role: "img", "aria-label": words.writing }, el("i"), el("i"), el("i"));
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  const drawn = document.createElementNS(SVG, "path");
  for (const [name, value] of Object.entries({ viewBox: "0 0 20 20", width: "16", height: "16", "aria-hidden": "true" })) {
    svg.setAttribute(name, value);
  }
  drawn.setAttribute("d", path);
  svg.append(drawn);
  return svg;
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
}
