// @ts-check
/** Where messages are written: drafts, answers, edits, and texts that are too long for one. */

import { byId, fill, h } from "./dom.js";
import { brief } from "./message.js";
import { openPicker } from "./picker.js";
import { Signals } from "./signals.js";
import { LONGEST, lengthOf, parts, trimmed } from "./text.js";
import { counted, numeral, say } from "./words.js";

/** @import { Drafts, Kept } from "./kept.js" */
/** @import { People } from "./people.js" */
/** @typedef {{replyTo: number} | {edit: any} | null} Aim what the text is for, besides a message of its own */

/** Milliseconds after the last key until the draft is kept. */
const PAUSE = 400;
/** Pixels; then the text scrolls. */
const TALLEST = 220;

/**
 * Tells "send" (texts, the id of what they answer or null), "save" (message, text), "typing", "up" (edit the
 * last one), "draft" (the id of a chat whose draft is another).
 */
export class Composer extends Signals {
  /** @type {number | null} */ #chatId = null;
  /** @type {Aim} */ #aim = null;
  /** What was being written before an edit. */
  #aside = { text: "", replyTo: /** @type {number | null} */ (null) };
  /** @type {(id: number) => any} */ #quote = () => undefined;
  /** @type {any} */ #timer = 0;

  /** @param {{drafts: Drafts, kept: Kept, people: People, userId: () => number}} surroundings */
  constructor({ drafts, kept, people, userId }) {
    super();
    this.drafts = drafts;
    this.people = people;
    this.userId = userId;
    this.form = byId("composer");
    this.text = /** @type {HTMLTextAreaElement} */ (byId("text"));
    this.bar = byId("answering");
    this.long = byId("too-long");
    this.form.addEventListener("submit", (/** @type {Event} */ e) => {
      e.preventDefault();
      this.#submit();
    });
    this.text.addEventListener("input", () => this.#changed(true));
    this.text.addEventListener("keydown", (e) => this.#key(e));
    byId("emoji").addEventListener("click", () => openPicker(byId("emoji"), kept, (emoji) => this.insert(emoji)));
    byId("no-answer").addEventListener("click", () => (this.cancel(), this.focus()));
    addEventListener("pagehide", () => this.#keep());
  }

  /** @param {number} chatId @param {(id: number) => any} quote finds what is answered */
  open(chatId, quote) {
    this.#keep();
    const draft = this.drafts.of(chatId);
    this.#chatId = chatId;
    this.#quote = quote;
    this.#aim = draft?.replyTo ? { replyTo: draft.replyTo } : null;
    this.#write(draft?.text ?? "");
  }

  close() {
    this.#keep();
    this.#chatId = null;
  }

  focus() {
    this.text.focus({ preventScroll: true });
  }

  /** @param {number} id */
  reply(id) {
    if (this.#edited) this.cancel();
    this.#aim = { replyTo: id };
    this.#changed();
    this.focus();
  }

  /** @param {any} message */
  edit(message) {
    if (!this.#edited) this.#aside = { text: this.text.value, replyTo: this.#replyTo };
    this.#aim = { edit: message };
    this.#write(message.content);
    this.focus();
  }

  /** Whether there was an answer or an edit to cancel. */
  cancel() {
    if (!this.#aim) return false;
    const { text, replyTo } = this.#edited ? this.#aside : { text: this.text.value, replyTo: null };
    this.#aim = replyTo === null ? null : { replyTo };
    this.#write(text);
    return true;
  }

  /** A message is gone: nobody can edit or answer it any more. @param {number} id */
  forget(id) {
    if (this.#edited?.id === id || this.#replyTo === id) this.cancel();
  }

  /** @param {string} text at the caret */
  insert(text) {
    const { selectionStart: from, selectionEnd: to } = this.text;
    this.text.setRangeText(text, from, to, "end");
    this.focus();
    this.#changed(true);
  }

  get #edited() {
    return this.#aim && "edit" in this.#aim ? this.#aim.edit : null;
  }

  get #replyTo() {
    return this.#aim && "replyTo" in this.#aim ? this.#aim.replyTo : null;
  }

  /** @param {string} text */
  #write(text) {
    this.text.value = text;
    this.text.setSelectionRange(text.length, text.length);
    this.#changed();
  }

  /** @param {boolean} [typed] */
  #changed(typed = false) {
    this.#fit();
    this.paint();
    this.#checkLength();
    if (this.#edited) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#keep(), PAUSE);
    if (typed && this.text.value.trim()) this.tell("typing");
  }

  #keep() {
    clearTimeout(this.#timer);
    if (this.#chatId === null) return;
    const draft = this.#edited ? this.#aside : { text: this.text.value, replyTo: this.#replyTo };
    if (this.drafts.keep(this.#chatId, draft)) this.tell("draft", this.#chatId);
  }

  /** As tall as the text. */
  #fit() {
    this.text.style.setProperty("height", "auto");
    this.text.style.setProperty("height", `${Math.min(TALLEST, this.text.scrollHeight)}px`);
  }

  /** What the text is for. */
  paint() {
    const edited = this.#edited;
    const quote = edited ?? (this.#replyTo === null ? null : this.#quote(this.#replyTo));
    this.bar.hidden = !this.#aim;
    byId("send").setAttribute("aria-label", say(edited ? "save" : "send"));
    byId("send").title = say(edited ? "save" : "send");
    if (!this.#aim) return;
    const name = quote?.author_id === this.userId() ? say("you") : this.people.nameOf(quote?.author_id ?? null);
    const title = edited ? say("editing") : quote ? say("reply_to", { name }) : say("in_reply_to");
    fill(byId("answering-text"), h("b", {}, title), h("span", { dir: "auto" }, quote ? brief(quote) : "…"));
  }

  #checkLength() {
    const length = lengthOf(this.text.value);
    this.long.hidden = length <= LONGEST;
    if (this.long.hidden) return fill(this.long);
    const told = h("span", {}, counted("too_long", length, { most: numeral(LONGEST) }));
    const texts = this.#edited ? [] : parts(this.text.value);
    const split = texts.length > 0 && h("button", { type: "button", class: "button", onclick: () => this.#send(texts) }, counted("send_parts", texts.length));
    fill(this.long, told, split);
  }

  /** @param {KeyboardEvent} e */
  #key(e) {
    if (e.isComposing) return;
    const bare = !e.altKey && !e.ctrlKey && !e.metaKey && !e.shiftKey;
    // On a touch screen Enter is the only way to a new line.
    const sends = (bare && !matchMedia("(hover: none) and (pointer: coarse)").matches) || e.ctrlKey || e.metaKey;
    if (e.key === "Enter" && sends) {
      e.preventDefault();
      this.#submit();
    } else if (e.key === "ArrowUp" && bare && !this.text.value && !this.#edited) {
      e.preventDefault();
      this.tell("up");
    } else if (e.key === "Escape" && this.cancel()) {
      e.stopPropagation();
    }
  }

  #submit() {
    const text = trimmed(this.text.value);
    if (!text.trim() || this.#chatId === null) return;
    if (lengthOf(text) > LONGEST) return this.long.querySelector("button")?.focus();
    const edited = this.#edited;
    if (!edited) return this.#send([text]);
    this.cancel();
    if (text !== edited.content) this.tell("save", edited, text);
  }

  /** @param {string[]} texts */
  #send(texts) {
    const replyTo = this.#replyTo;
    this.#aim = null;
    this.#write("");
    this.#keep();
    this.focus();
    this.tell("send", texts, replyTo);
  }
}
