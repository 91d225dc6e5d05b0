// Small helpers over the DOM. Text from people and models only ever becomes text nodes.

export const words = JSON.parse(document.getElementById("words").textContent);

export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  // Before the attributes: under dir="auto" Chromium looks through all children again with each one that is added.
  element.append(...children);
  for (const [name, value] of Object.entries(properties)) {
    if (value === false || value === undefined || value === null) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  return element;
}

export function copyButton(label, text) {
  const button = el("button", { type: "button", class: "small", "aria-label": label }, words.copy);
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text())) ? words.copied : words.not_copied;
    say(button.textContent);
    setTimeout(() => (button.textContent = words.copy), 2000);
  });
  return button;
}

// For screen readers: said once, when there is something whole to say.
export function say(text) {
  const region = document.getElementById("said");
  region.textContent = "";
  // Emptied and filled in one task, the same words twice would be no change.
  setTimeout(() => (region.textContent = text), 50);
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not allowed in a frame, and not there without TLS on another machine.
    return copiedTheOldWay(text);
  }
}

function copiedTheOldWay(text) {
  const before = document.activeElement;
  const area = el("textarea", { class: "unseen", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}
