// @ts-check
/** Where this person can't write for now, and until when: muted, or in slow mode. No DOM. */

import { Signals } from "./signals.js";

/** @typedef {{code: "muted" | "slow_mode", until: number}} Wait `until` in milliseconds since the epoch */

const CODES = new Set(["muted", "slow_mode"]);

/** Tells "change" with the id of a chat, or null for all. */
export class Waits extends Signals {
  /** @type {Map<number, Wait>} */ #byChat = new Map();

  /** @param {any} client */
  constructor(client) {
    super();
    for (const name of ["failed", "delayed"]) {
      client.on(name, (/** @type {any} */ { chatId, error }) => CODES.has(error.code) && this.#set(chatId, error));
    }
    client.on("sent", (/** @type {any} */ { chatId }) => this.#byChat.delete(chatId) && this.tell("change", chatId));
  }

  /** @param {number} chatId @returns {Wait | undefined} */
  of(chatId) {
    const wait = this.#byChat.get(chatId);
    if (wait && wait.until > Date.now()) return wait;
    this.#byChat.delete(chatId);
    return undefined;
  }

  /** A moderator has decided something: who was muted may not be any more. */
  forgetMutes() {
    for (const [chatId, { code }] of this.#byChat) if (code === "muted") this.#byChat.delete(chatId);
    this.tell("change", null);
  }

  /** @param {number} chatId @param {any} error */
  #set(chatId, { code, until, retryAfter }) {
    const end = until ? Date.parse(until) : Date.now() + (retryAfter ?? 0) * 1000;
    this.#byChat.set(chatId, { code, until: end });
    this.tell("change", chatId);
  }
}
