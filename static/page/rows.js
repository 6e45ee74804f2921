// @ts-check
/** The rows of a conversation: messages, and the marks between them. Only what changed is painted. */

import { fill, h } from "./dom.js";
import { paintMessage } from "./message.js";
import { dayKey, dayOf, say } from "./words.js";

/** @import { Entry, Timeline } from "./timeline.js" */
/** @import { Place, Setting } from "./message.js" */

/**
 * @typedef {object} Row
 * @property {string} key
 * @property {any[]} facts it is painted anew when one of them is another
 * @property {(element: HTMLElement) => void} paint
 */

/** Milliseconds between messages of a person that stand together. */
const TOGETHER = 300_000;

/** @param {Timeline} timeline @param {number} from @param {number} to @param {Setting} setting @param {number} names grows when a name becomes known @returns {Row[]} */
export function rowsOf(timeline, from, to, setting, names) {
  const { items, unreadFrom } = timeline;
  const rows = [];
  for (let at = from; at < to; at++) {
    const entry = items[at];
    const before = items[at - 1];
    const next = items[at + 1];
    const day = dayKey(entry.message.ts);
    if (!before || dayKey(before.message.ts) !== day) rows.push(mark(`day ${day}`, "day", dayOf(entry.message.ts)));
    const isMarked = unreadFrom !== null && entry.id === unreadFrom;
    if (isMarked) rows.push(mark("unread", "unread-mark", say("new_messages")));
    const reply = entry.message.reply_to_id;
    const place = {
      first: isMarked || !together(before, entry),
      last: !together(entry, next) || (unreadFrom !== null && next.id === unreadFrom),
      quote: reply === null ? undefined : timeline.quote(reply),
    };
    const facts = [entry.message, entry.state, entry.sending?.error, place.first, place.last, place.quote, names];
    rows.push({ key: entry.key, facts, paint: (/** @type {HTMLElement} */ element) => paintMessage(element, entry, place, setting) });
  }
  return rows;
}

/** @param {Entry | undefined} one @param {Entry | undefined} next */
function together(one, next) {
  if (!one || !next || one.message.author_id !== next.message.author_id) return false;
  if (dayKey(one.message.ts) !== dayKey(next.message.ts)) return false;
  return Date.parse(next.message.ts) - Date.parse(one.message.ts) < TOGETHER;
}

/** @param {string} key @param {string} kind @param {string} text @returns {Row} */
function mark(key, kind, text) {
  const paint = (/** @type {HTMLElement} */ element) => {
    element.className = kind;
    fill(element, h("span", {}, text));
  };
  return { key, facts: [text], paint };
}

export class Rows {
  /** @type {Map<string, {element: HTMLElement, facts: any[]}>} */ #shown = new Map();

  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
  }

  /** @param {string} key */
  of(key) {
    return this.#shown.get(key)?.element;
  }

  clear() {
    this.#shown.clear();
    fill(this.box);
  }

  /** @param {Row[]} rows */
  show(rows) {
    const wanted = new Set(rows.map(({ key }) => key));
    for (const [key, { element }] of this.#shown) {
      if (wanted.has(key)) continue;
      element.remove();
      this.#shown.delete(key);
    }
    let next = this.box.firstElementChild;
    for (const row of rows) {
      const element = this.#painted(row);
      if (element === next) next = next.nextElementSibling;
      else this.box.insertBefore(element, next);
    }
  }

  /** @param {Row} row @returns {HTMLElement} */
  #painted({ key, facts, paint }) {
    const shown = this.#shown.get(key);
    if (shown && facts.every((fact, at) => fact === shown.facts[at])) return shown.element;
    const element = shown?.element ?? h(key === "unread" || key.startsWith("day ") ? "p" : "article", {});
    if (!shown && element.localName === "article") element.tabIndex = -1;
    this.#shown.set(key, { element, facts });
    repaint(element, paint);
    return element;
  }
}

/** The focus stays on the same thing inside. @param {HTMLElement} element @param {(element: HTMLElement) => void} paint */
function repaint(element, paint) {
  const focused = element.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
  const { act, emoji } = focused?.dataset ?? {};
  paint(element);
  // The one that is in the order of Tab is so with what belongs to it.
  if (element.tabIndex === 0) for (const one of element.querySelectorAll("[tabindex]")) /** @type {HTMLElement} */ (one).tabIndex = 0;
  if (!focused || focused.isConnected) return;
  const same = [...element.querySelectorAll("[data-act]")].find((one) => {
    const { dataset } = /** @type {HTMLElement} */ (one);
    return dataset.act === act && dataset.emoji === emoji;
  });
  /** @type {HTMLElement} */ (same ?? element).focus({ preventScroll: true });
}

/** Arrow keys go from message to message, and Tab through what belongs to the one in focus. @param {HTMLElement} box */
export function walkOver(box) {
  box.addEventListener("focusin", (e) => {
    const message = /** @type {HTMLElement | null} */ (/** @type {Element} */ (e.target).closest(".message"));
    if (!message) return;
    const others = /** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll("[tabindex='0']"));
    for (const one of others) if (!message.contains(one)) one.tabIndex = -1;
    message.tabIndex = 0;
    for (const one of /** @type {NodeListOf<HTMLElement>} */ (message.querySelectorAll("[tabindex='-1']"))) one.tabIndex = 0;
  });
  box.addEventListener("keydown", (e) => {
    const message = /** @type {Element} */ (e.target).closest(".message");
    if (!message || e.altKey || e.ctrlKey || e.metaKey || e.shiftKey) return;
    const all = /** @type {HTMLElement[]} */ ([...box.querySelectorAll(".message")]);
    const at = all.indexOf(/** @type {HTMLElement} */ (message));
    const steps = /** @type {Record<string, number>} */ ({ ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 });
    if (steps[e.key] === undefined) return;
    e.preventDefault();
    all[steps[e.key]]?.focus({ preventScroll: true });
    all[steps[e.key]]?.scrollIntoView({ block: "nearest" });
  });
}
