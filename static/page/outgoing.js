// @ts-check
/** What this person has sent and the chat has not told yet; it outlives the page. */

import { Signals } from "./signals.js";

/** @import * as Types from "../../clients/javascript/messenger.d.ts" */
/** @import { Kept } from "./kept.js" */

/**
 * @typedef {object} Sending
 * @property {string} key
 * @property {number | null} id once it is stored
 * @property {"pending" | "sent" | "failed" | "waiting"} state "waiting" for a moderator to let it through
 * @property {Types.Draft | Types.Message} message
 * @property {Types.Pending} item
 * @property {Types.MessengerError | null} error
 */

/** Tells "change" with the id of a chat. */
export class Outgoing extends Signals {
  /** @type {Map<number, Sending[]>} */ #byChat = new Map();

  /** @param {any} client @param {Kept} kept */
  constructor(client, kept) {
    super();
    this.client = client;
    this.kept = kept;
    client.on("pending", (/** @type {any} */ { localId, chatId, message, item }) => {
      const others = this.of(chatId).filter((one) => one.key !== localId);
      this.#set(chatId, [...others, { key: localId, id: null, state: "pending", message, item, error: null }]);
      const { content, reply_to_id: replyToId } = message;
      const rest = this.#stored.filter((/** @type {any} */ one) => one.key !== localId);
      this.kept.set("outbox", [...rest, { key: localId, chatId, content, replyToId }]);
    });
    client.on("sent", (/** @type {any} */ { localId, chatId, message }) => {
      this.#forget(localId);
      this.#change(chatId, localId, { id: message.id, state: "sent", message });
    });
    client.on("failed", (/** @type {any} */ { localId, chatId, error }) => {
      this.#change(chatId, localId, { state: error.code === "awaiting_review" ? "waiting" : "failed", error });
    });
  }

  /** In the order of sending. @param {number} chatId @returns {Sending[]} */
  of(chatId) {
    return this.#byChat.get(chatId) ?? [];
  }

  /** What an earlier page had not sent: the same keys, so that nothing is stored twice. @param {(chatId: number) => boolean} has */
  resend(has) {
    for (const { key, chatId, content, replyToId } of this.#stored) {
      if (!has(chatId)) this.#forget(key);
      else if (!this.of(chatId).some((one) => one.key === key)) this.client.send({ key, chatId, content, replyToId });
    }
  }

  /** What waits for a moderator may have been let through or refused: under its key the server tells. @param {number} [chatId] */
  lookAgain(chatId) {
    const chats = chatId === undefined ? [...this.#byChat.keys()] : [chatId];
    const waiting = chats.flatMap((id) => this.of(id)).filter(({ state }) => state === "waiting");
    for (const { item } of waiting) item.retry().catch(() => {});
  }

  /** It has been told by its chat. @param {number} chatId @param {(one: Sending) => boolean} which */
  told(chatId, which) {
    const rest = this.of(chatId).filter((one) => !which(one));
    if (rest.length !== this.of(chatId).length) this.#set(chatId, rest);
  }

  /** @param {number} chatId @param {Sending} one */
  drop(chatId, one) {
    if (!one.item.drop()) return false;
    this.#forget(one.key);
    this.told(chatId, ({ key }) => key === one.key);
    return true;
  }

  /** @type {{key: string, chatId: number, content: string, replyToId: number | null}[]} */
  get #stored() {
    return this.kept.get("outbox", /** @type {any[]} */ ([]));
  }

  /** @param {string} key */
  #forget(key) {
    const rest = this.#stored.filter((one) => one.key !== key);
    this.kept.set("outbox", rest.length ? rest : null);
  }

  /** @param {number} chatId @param {string} key @param {Partial<Sending>} change */
  #change(chatId, key, change) {
    this.#set(chatId, this.of(chatId).map((one) => (one.key === key ? { ...one, ...change } : one)));
  }

  /** @param {number} chatId @param {Sending[]} list */
  #set(chatId, list) {
    if (list.length) this.#byChat.set(chatId, list);
    else this.#byChat.delete(chatId);
    this.tell("change", chatId);
  }
}
