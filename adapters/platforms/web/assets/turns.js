// The conversation as it is shown. Frames and the stored log may come in any order: what is ended stays ended.

import { copyButton, el, say, words } from "./dom.js";
import { render } from "./markdown.js";

export class Turns {
  #list;
  #shown = new Map(); // turn id → turn
  #waiting = new Map(); // message id → turn whose id is not known yet
  #early = new Map(); // turn id → frames that came before anybody knew the turn
  #afresh = null;
  #all = false;

  constructor(list) {
    this.#list = list;
  }

  get answering() {
    return [...this.#shown.values()].some((turn) => turn.live);
  }

  get visible() {
    return [...this.#list.children].some((item) => !item.hidden && item.querySelector(".question"));
  }

  // Frames came for a turn that is not known here.
  get strays() {
    return this.#early.size > 0;
  }

  get earlier() {
    return [...this.#list.children].some((item) => item.hidden);
  }

  showAll() {
    this.#all = true;
    for (const item of this.#list.children) item.hidden = false;
  }

  // A message of ours that is on its way.
  ask(id, text) {
    if (this.#waiting.has(id) || this.#ofQuestion(id)) return;
    const turn = new Turn();
    turn.addQuestion(id, text);
    turn.begin();
    this.#waiting.set(id, turn);
    this.#list.append(turn.element);
  }

  delayed(id) {
    this.#waiting.get(id)?.note(words.waiting);
  }

  failed(id, problem) {
    this.#waiting.get(id)?.end(`${problem.error} ${problem.cure}`, "failed");
    this.#waiting.delete(id);
  }

  // The message is acknowledged and belongs to this turn.
  bind(id, turnId) {
    const turn = this.#waiting.get(id);
    if (!turn) return;
    this.#waiting.delete(id);
    turn.note("");
    const known = this.#shown.get(turnId);
    if (known) {
      known.join(turn);
      return;
    }
    this.#shown.set(turnId, turn);
    const early = this.#early.get(turnId) ?? [];
    this.#early.delete(turnId);
    early.forEach((frame) => turn.show(frame));
  }

  // Acknowledged, and it opened no turn: it was a command that has had its effect.
  drop(id) {
    this.#waiting.get(id)?.element.remove();
    this.#waiting.delete(id);
  }

  // "unknown": nobody knows the turn yet. "gap": a frame is missing. Else null.
  show(frame) {
    const turn = this.#shown.get(frame.turn);
    if (turn) return turn.show(frame);
    this.#early.set(frame.turn, [...(this.#early.get(frame.turn) ?? []), frame]);
    return "unknown";
  }

  merge(log) {
    for (const logged of log) this.#mergeOne(logged);
    const afresh = log.findLast((logged) => logged.afresh);
    if (afresh && afresh.turn !== this.#afresh) {
      this.#afresh = afresh.turn;
      this.#all = false;
    }
    const first = log.findIndex((logged) => logged.turn === this.#afresh);
    log.forEach((logged, index) => {
      const { element } = this.#shown.get(logged.turn);
      element.hidden = !this.#all && index < first;
      if (this.#list.children[index] !== element) this.#list.insertBefore(element, this.#list.children[index] ?? null);
    });
  }

  #mergeOne(logged) {
    for (const question of logged.questions) this.bind(question.id, logged.turn);
    if (!this.#shown.has(logged.turn)) this.#shown.set(logged.turn, new Turn());
    const turn = this.#shown.get(logged.turn);
    for (const question of logged.questions) turn.addQuestion(question.id, question.text);
    if (logged.text !== null) turn.end(logged.text, logged.kind);
    else if (logged.state === "undeliverable") turn.end(words.unreachable, "failed");
    else turn.begin();
    const early = this.#early.get(logged.turn) ?? [];
    this.#early.delete(logged.turn);
    early.forEach((frame) => turn.show(frame));
  }

  #ofQuestion(id) {
    return [...this.#shown.values()].some((turn) => turn.has(id));
  }
}

class Turn {
  #questions = new Map();
  #note = el("p", { class: "note", role: "status", hidden: true });
  #label = el("p", { class: "label", hidden: true });
  #prose = el("div", { class: "prose" });
  #after = el("div", { class: "after", hidden: true });
  #answer;
  #text = "";
  #number = 0;
  #ended = false;
  #frame = 0;
  live = false;

  constructor() {
    this.#after.append(copyButton(`${words.copy}: ${words.answered}`, () => this.#text));
    this.#answer = el("article", { class: "answer", hidden: true }, el("h3", { class: "unseen" }, "plausch"));
    this.#answer.append(this.#label, this.#prose, this.#after);
    this.element = el("li", { class: "turn" }, this.#answer);
  }

  has(id) {
    return this.#questions.has(id);
  }

  addQuestion(id, text) {
    if (this.#questions.has(id)) return;
    const question = el("article", { class: "question" }, el("h3", { class: "unseen" }, words.you), el("p", { dir: "auto" }, text));
    question.append(this.#note);
    this.#questions.set(id, question);
    this.#answer.before(question);
  }

  // Another message that wants the same answer.
  join(other) {
    for (const [id, question] of other.#questions) {
      this.#questions.set(id, question);
      this.#answer.before(question);
    }
    other.element.remove();
  }

  note(text) {
    this.#note.textContent = text;
    this.#note.hidden = !text;
  }

  begin() {
    if (this.#ended || this.live) return;
    this.live = true;
    this.#answer.hidden = false;
    this.#answer.toggleAttribute("data-live", true);
    this.#answer.setAttribute("aria-busy", "true");
    this.#draw();
  }

  show(frame) {
    if (frame.last) {
      const news = !this.#ended;
      this.end(frame.text, frame.kind);
      if (news) say(`${words.kinds[frame.kind] ?? words.answered} ${this.#prose.textContent}`);
      return null;
    }
    if (this.#ended) return null;
    // A frame from the beginning always stands: somebody else may have gone on with the answer, counting anew.
    if (frame.offset > 0 && frame.number <= this.#number) return null;
    if (frame.offset > 0 && frame.number !== this.#number + 1) return "gap";
    this.begin();
    this.#number = frame.number;
    this.#text = beginning(this.#text, frame.offset) + frame.text;
    this.#frame ||= requestAnimationFrame(() => this.#draw());
    return null;
  }

  end(text, kind) {
    this.live = false;
    this.#ended = true;
    this.#text = text;
    this.#answer.hidden = false;
    this.#answer.removeAttribute("data-live");
    this.#answer.removeAttribute("aria-busy");
    this.#answer.setAttribute("data-kind", kind);
    this.#label.textContent = words.kinds[kind] ?? "";
    this.#label.hidden = !this.#label.textContent;
    this.#after.hidden = !text || !["answer", "stopped"].includes(kind);
    this.#draw();
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#prose.querySelector(".dots")?.remove();
    render(this.#prose, this.#text);
    if (this.live && !this.#text.trim()) this.#prose.append(dots());
    this.element.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
  }
}

function dots() {
  return el("p", { class: "dots", role: "img", "aria-label": words.writing }, el("i"), el("i"), el("i"));
}

// The first `count` code points; JavaScript's own offsets are UTF-16 units.
function beginning(text, count) {
  if (!/[\uD800-\uDFFF]/.test(text)) return text.slice(0, count);
  let at = 0;
  for (let left = count; left > 0 && at < text.length; left -= 1) at += text.codePointAt(at) > 0xffff ? 2 : 1;
  return text.slice(0, at);
}
