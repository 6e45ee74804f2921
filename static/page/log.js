// @ts-check
/**
 * The scrolling list of messages. Of a long conversation only a stretch is in the document; it moves
 * along with the scrolling, and what is being looked at stays where it is.
 */

import { h, fill } from "./dom.js";
import { Rows, rowsOf, walkOver } from "./rows.js";
import { Signals } from "./signals.js";
import { problem, say } from "./words.js";

/** @import { Entry, Timeline } from "./timeline.js" */
/** @import { Setting } from "./message.js" */

/** Messages in the document at least, for how many pixels of height there is one more, and by how many they move. */
const LEAST = 120;
const TALL = 8;
const STEP = 30;
/** Screens above and below that are there before somebody scrolls to them. */
const AHEAD = 1.5;
/** Pixels from the end that count as the end. */
const END = 40;
/** Of a message that must be in view to count as seen. */
const SEEN = 40;

/** Tells "seen" whenever other messages may have come into view. */
export class Log extends Signals {
  /** @type {Timeline | null} */ #timeline = null;
  /** @type {Setting} */ #setting;
  /** @type {() => void} */ #off = () => {};
  /** @type {Rows} */ #painted;
  /** The ends of the stretch. @type {string | null} */ #first = null;
  /** @type {string | null} */ #last = null;
  /** Whether the stretch ends with the newest message, and whether that is in view. */
  #reachesEnd = true;
  #atEnd = true;
  #names = 0;
  #frame = 0;
  #stale = false;

  /** @param {HTMLElement} root that scrolls @param {Setting} setting */
  constructor(root, setting) {
    super();
    this.root = root;
    this.#setting = setting;
    this.top = h("div", { class: "log-top" });
    this.rows = h("div", { class: "rows" });
    this.#painted = new Rows(this.rows);
    fill(root, this.top, this.rows);
    root.addEventListener("scroll", () => this.#soon(false), { passive: true });
    walkOver(this.rows);
    new ResizeObserver(() => (this.#atEnd ? this.#toBottom() : this.tell("seen"))).observe(root);
    const again = () => {
      this.#names++;
      this.#soon();
    };
    setting.people.on("name", again);
    setting.appeals.on("change", again);
  }

  /** Whether the newest message is in view. */
  get atEnd() {
    return this.#atEnd;
  }

  /**
   * Show these messages: at a place where somebody has been, else at the unread mark, else at the end.
   * @param {Timeline | null} timeline @param {boolean} isGroup @param {{key: string, top: number} | null} [place]
   */
  show(timeline, isGroup, place = null) {
    this.#off();
    this.#timeline = timeline;
    this.#setting = { ...this.#setting, isGroup };
    this.#painted.clear();
    if (!timeline) return this.#paintTop(null);
    this.#off = timeline.on("change", () => this.#soon());
    const start = place?.key ?? (timeline.unreadFrom !== null ? this.#keyOf(timeline.unreadFrom) : null);
    const at = start === null ? -1 : timeline.items.findIndex(({ key }) => key === start);
    if (at < 0) return this.#showEnd();
    this.#atEnd = false;
    this.#stretchAround(at);
    this.#render();
    const element = this.#painted.of(place ? timeline.items[at].key : "unread") ?? this.#painted.of(timeline.items[at].key);
    if (element) this.root.scrollTop += topOf(element) - topOf(this.root) - (place?.top ?? this.root.clientHeight / 4);
    this.#settle();
  }

  /** What did not come is asked for again. */
  retry() {
    const timeline = this.#timeline;
    if (!timeline?.failed) return;
    timeline.failed = null;
    if (timeline.loaded) timeline.changed();
    else timeline.open();
  }

  /** Where somebody is now, for `show`; null at the end. */
  get place() {
    const element = this.#atEnd ? null : this.#topmost();
    return element ? { key: /** @type {string} */ (element.dataset.key), top: topOf(element) - topOf(this.root) } : null;
  }

  async toEnd() {
    const timeline = this.#timeline;
    if (!timeline) return;
    if (!timeline.atEnd) await timeline.open();
    if (timeline === this.#timeline) this.#showEnd();
  }

  /** Go to a message and light it up; whether it is there. @param {number} id */
  async to(id) {
    const timeline = this.#timeline;
    if (!timeline || !(await timeline.around(id)) || timeline !== this.#timeline) return false;
    const at = timeline.items.findIndex((entry) => entry.id === id);
    if (at < 0) return false;
    if (!this.#painted.of(timeline.items[at].key)) this.#stretchAround(at);
    this.#atEnd = false;
    this.#render();
    const element = this.#painted.of(timeline.items[at].key);
    if (!element) return false;
    this.root.scrollTop += topOf(element) - topOf(this.root) - (this.root.clientHeight - element.offsetHeight) / 2;
    this.#settle();
    element.classList.remove("lit");
    // Without a look at it in between, the animation would not start again.
    void element.offsetWidth;
    element.classList.add("lit");
    element.focus({ preventScroll: true });
    return true;
  }

  /** The newest stored message in view. @returns {number | null} */
  get lastSeen() {
    const bottom = this.root.getBoundingClientRect().bottom;
    for (let row = this.rows.lastElementChild; row; row = row.previousElementSibling) {
      if (!row.dataset.id) continue;
      const { top, height } = row.getBoundingClientRect();
      if (height && top + Math.min(height, SEEN) <= bottom) return Number(row.dataset.id);
    }
    return null;
  }

  /** The message that an element belongs to. @param {Element} element @returns {Entry | undefined} */
  entryOf(element) {
    const key = /** @type {HTMLElement | null} */ (element.closest(".message"))?.dataset.key;
    return this.#timeline?.items.find((entry) => entry.key === key);
  }

  // --- the stretch -----------------------------------------------------------------------------

  /** @param {number} id */
  #keyOf(id) {
    return this.#timeline?.items.find((entry) => entry.id === id)?.key ?? null;
  }

  /** Messages in the document: enough for the window and what lies ahead of it, and no more. */
  get #most() {
    return Math.max(LEAST, Math.ceil(this.root.clientHeight / TALL));
  }

  /** @param {number} at */
  #stretchAround(at) {
    const most = this.#most;
    const from = Math.max(0, at - Math.floor(most / 2));
    this.#setStretch(from, from + most);
  }

  /** @param {number} from @param {number} to */
  #setStretch(from, to) {
    const items = this.#timeline?.items ?? [];
    const end = Math.min(items.length, to);
    this.#first = items[from]?.key ?? null;
    this.#last = items[end - 1]?.key ?? null;
    this.#reachesEnd = end === items.length;
  }

  /** Where the stretch begins and ends now. @returns {[number, number]} */
  get #stretch() {
    const items = this.#timeline?.items ?? [];
    const most = this.#most;
    let from = items.findIndex(({ key }) => key === this.#first);
    let to = this.#reachesEnd ? items.length : items.findIndex(({ key }) => key === this.#last) + 1;
    // The run has begun anew.
    if (from < 0 || to <= from) [from, to] = [Math.max(0, items.length - most), items.length];
    if (to - from > most + STEP) this.#atEnd ? (from = to - most) : (to = from + most);
    return [from, to];
  }

  #showEnd() {
    const count = this.#timeline?.items.length ?? 0;
    this.#setStretch(Math.max(0, count - Math.floor(this.#most / 2)), count);
    this.#atEnd = true;
    this.#render();
    this.#settle();
  }

  /** At most once a frame. @param {boolean} [changed] whether there may be something else to show */
  #soon(changed = true) {
    this.#stale ||= changed;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#look();
      if (this.#stale) this.#render();
      this.#settle();
    });
  }

  /** Where the scrolling has come to. */
  #look() {
    const { scrollTop, scrollHeight, clientHeight } = this.root;
    if (!clientHeight) return;
    const end = this.#reachesEnd && this.#timeline?.atEnd;
    this.#atEnd = Boolean(end) && scrollHeight - scrollTop - clientHeight <= END;
  }

  /** More of it where somebody comes near an end. */
  #settle() {
    const timeline = this.#timeline;
    if (!timeline || !this.root.clientHeight) return;
    for (let rounds = 0; rounds < 4; rounds++) {
      const { scrollTop, scrollHeight, clientHeight } = this.root;
      const [from, to] = this.#stretch;
      const near = clientHeight * AHEAD;
      const most = this.#most;
      if (scrollTop < near && from > 0) {
        const begin = Math.max(0, from - STEP);
        this.#setStretch(begin, this.#atEnd ? to : Math.min(to, begin + most));
      } else if (scrollHeight - scrollTop - clientHeight < near && to < timeline.items.length) {
        const end = Math.min(timeline.items.length, to + STEP);
        this.#setStretch(Math.max(from, end - most), end);
      } else break;
      this.#render();
    }
    const { scrollTop, scrollHeight, clientHeight } = this.root;
    if (timeline.loaded && !timeline.failed) {
      if (scrollTop < clientHeight * AHEAD) timeline.older();
      if (scrollHeight - scrollTop - clientHeight < clientHeight * AHEAD) timeline.newer();
    }
    this.#look();
    this.tell("seen");
  }

  // --- the document ----------------------------------------------------------------------------

  #render() {
    const timeline = this.#timeline;
    this.#stale = false;
    if (!timeline) return;
    const anchor = this.#atEnd ? null : this.#topmost();
    const before = anchor ? topOf(wordsOf(anchor)) : 0;
    let [from, to] = this.#stretch;
    // With nothing above it, what is at the very top would have nowhere to go when its day, which
    // belongs to an older message now, is gone.
    if (anchor && from > 0 && this.root.scrollTop < this.root.clientHeight) from = Math.max(0, from - STEP);
    this.#setStretch(from, to);
    this.#paintTop(timeline);
    this.#painted.show(rowsOf(timeline, from, to, this.#setting, this.#names));
    if (this.#atEnd) this.#toBottom();
    else {
      const same = anchor?.dataset.key && this.#painted.of(anchor.dataset.key);
      if (same) this.root.scrollTop += topOf(wordsOf(same)) - before;
    }
    if (!this.rows.querySelector(".message[tabindex='0']")) {
      const last = this.rows.querySelector(".message:last-child");
      if (last) last.tabIndex = 0;
    }
  }

  #toBottom() {
    this.root.scrollTop = this.root.scrollHeight;
  }

  /** The first message that is in view. @returns {HTMLElement | null} */
  #topmost() {
    const top = topOf(this.root);
    for (const row of this.rows.children) {
      if (row.dataset.key && row.getBoundingClientRect().bottom > top) return row;
    }
    return null;
  }

  /** @param {Timeline | null} timeline */
  #paintTop(timeline) {
    const isEmpty = timeline?.loaded && !timeline.items.length;
    const state = timeline?.failed ? "failed" : isEmpty ? "empty" : timeline?.atStart ? "start" : "more";
    if (this.top.dataset.state === state) return;
    this.top.dataset.state = state;
    if (state === "failed") {
      const again = h("button", { type: "button", class: "button", onclick: () => this.retry() }, say("try_again"));
      fill(this.top, h("span", {}, problem(timeline?.failed)), again);
    } else if (state === "empty") fill(this.top, say("no_messages"));
    else fill(this.top, state === "more" && h("span", { class: "spinner", role: "img", "aria-label": say("loading") }));
  }
}

/** @param {Element} element */
const topOf = (element) => element.getBoundingClientRect().top;

/**
 * What stays of a message where others come before it: the author's name above may go.
 * @param {Element} row
 */
const wordsOf = (row) => row.querySelector(".text") ?? row;
