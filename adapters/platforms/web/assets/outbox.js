// What was written and is not yet acknowledged. It outlives the page: each message is sent again under its own id, and
// the server takes each id once.

const KEY = "plausch.unsent";
const DRAFT = "plausch.draft";

export function unsent() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((item) => typeof item?.id === "string" && typeof item.text === "string") : [];
  } catch {
    return [...inMemory];
  }
}

export function keepUnsent(item) {
  write([...unsent(), item]);
}

export function dropUnsent(id) {
  write(unsent().filter((item) => item.id !== id));
}

export function draft() {
  try {
    return localStorage.getItem(DRAFT) ?? "";
  } catch {
    return "";
  }
}

export function keepDraft(text) {
  try {
    localStorage.setItem(DRAFT, text);
  } catch {
    // No storage (private mode, full): the draft lives as long as the page.
  }
}

// A version 4 UUID; crypto.randomUUID is missing where the page came without TLS from another machine.
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

let inMemory = [];

function write(items) {
  inMemory = items;
  try {
    localStorage.setItem(KEY, JSON.stringify(items));
  } catch {
    // The same: the list lives as long as the page.
  }
}
