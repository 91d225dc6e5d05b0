// The keyboard: ? helps, / searches, j and k move through rows, Enter opens. Every page can be read without this file.

const help = document.getElementById("help");
const opener = document.getElementById("help-opener");
const keysOn = document.getElementById("keys-on");
const OFF = "plausch-keys-off";

const keys = {
  "?": () => help.showModal(),
  "/": () => focused(document.querySelector("input[type=search]")),
  j: () => move(1),
  k: () => move(-1),
  Enter: () => open(document.activeElement),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!keysOn.checked || help.open || isTyping(event.target)) return;
  if (Object.hasOwn(keys, event.key) && keys[event.key]() !== false) event.preventDefault();
});

opener.hidden = false;
opener.addEventListener("click", () => help.showModal());

// Speech input types single letters, so they can be switched off (WCAG 2.1.4).
keysOn.checked = !remembered();
keysOn.addEventListener("change", () => remember(!keysOn.checked));

for (const field of document.querySelectorAll("input[readonly]:not([aria-hidden])")) {
  field.addEventListener("focus", () => field.select());
  if (field === document.activeElement) field.select();
}

function move(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const next = here < 0 ? 0 : Math.min(Math.max(here + step, 0), rows.length - 1);
  return focused(rows[next]);
}

function focused(element) {
  if (!element) return false;
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus();
  element.scrollIntoView({ block: "nearest" });
  return true;
}

function open(row) {
  const link = row?.matches("[data-row]") && row.querySelector("[data-open], a[href]");
  if (!link) return false;
  link.click();
  return true;
}

function isTyping(element) {
  return element instanceof Element && element.matches("input:not([type=checkbox], [type=radio]), textarea, select");
}

function remembered() {
  try {
    return localStorage.getItem(OFF) !== null;
  } catch {
    return false; // Storage is blocked: the keys are on with each page.
  }
}

function remember(off) {
  try {
    if (off) localStorage.setItem(OFF, "");
    else localStorage.removeItem(OFF);
  } catch {
    // As above.
  }
}
