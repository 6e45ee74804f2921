// @ts-check
/**
 * What is known of the messages of one chat: one unbroken run of them, which grows at both ends by
 * pages and is kept true by events. No DOM.
 */

import { Signals } from "./signals.js";

/** @import * as Types from "../../clients/javascript/messenger.d.ts" */
/** @import { Outgoing, Sending } from "./outgoing.js" */

/**
 * @typedef {object} Entry one thing in the list; another object whenever it changed
 * @property {string} key the same while a message is sent, stored and changed
 * @property {number | null} id
 * @property {any} message
 * @property {"pending" | "sent" | "failed" | "waiting" | "delivered" | "read"} state
 * @property {Sending} [sending]
 */

const PAGE = 50;
const LARGEST = 100;
/** Where the first unread message is looked for no longer. */
const UNREAD_MOST = 3_000;

/** Tells "change". */
export class Timeline extends Signals {
  /** Oldest first. @type {Entry[]} */ #entries = [];
  /** @type {Map<number, Entry>} */ #byId = new Map();
  /** The local ids of what was sent from here. @type {Map<number, string>} */ #keys = new Map();
  /** Messages that are quoted and not in the run; null for what is not to be had. @type {Map<number, any>} */ #quoted = new Map();
  /** @type {Set<number>} */ #asking = new Set();
  /** What happened while pages were on their way: they may be of before it. @type {any[]} */ #heard = [];
  #loads = 0;
  /** Grows when the run begins anew: pages for the former one are void. */
  #run = 0;
  /** @type {Promise<unknown> | null} */ #older = null;
  /** @type {Promise<unknown> | null} */ #newer = null;
  /** @type {Entry[] | null} */ #items = null;

  /** Whether the run reaches the first message, and the newest. */
  atStart = false;
  atEnd = false;
  loaded = false;
  /** @type {any} why the last page did not come */
  failed = null;
  /** The message above which the unread mark stands. @type {number | null} */
  unreadFrom = null;

  /** @param {{client: any, chatId: number, userId: number, outgoing: Outgoing}} options */
  constructor({ client, chatId, userId, outgoing }) {
    super();
    this.client = client;
    this.chatId = chatId;
    this.userId = userId;
    this.outgoing = outgoing;
  }

  /** Oldest first, what is being sent behind all. @returns {Entry[]} */
  get items() {
    this.#items ??= this.atEnd ? [...this.#entries, ...this.#beingSent()] : this.#entries;
    return this.#items;
  }

  #beingSent() {
    const waiting = this.outgoing.of(this.chatId).filter(({ id }) => id === null || !this.#byId.has(id));
    return waiting.map((sending) => ({ key: sending.key, id: sending.id, message: sending.message, state: sending.state, sending }));
  }

  /** @param {number} id */
  find(id) {
    return this.#byId.get(id)?.message;
  }

  /** The newest text of one's own that can be edited. */
  lastOwn() {
    const own = (/** @type {Entry} */ { message }) => message.author_id === this.userId && message.type === "text" && !message.is_deleted;
    return this.#entries.findLast(own)?.message;
  }

  /** A message that another one answers: undefined while it is on its way, null if there is none. @param {number} id */
  quote(id) {
    const known = this.#byId.get(id)?.message ?? this.#quoted.get(id);
    if (known === undefined && !this.#asking.has(id)) this.#askFor(id);
    return known;
  }

  /** @param {number} id */
  async #askFor(id) {
    this.#asking.add(id);
    try {
      this.#quoted.set(id, await this.client.message(id));
    } catch (/** @type {any} */ error) {
      if (error.status === 404) this.#quoted.set(id, null);
    }
    this.#asking.delete(id);
    if (this.#quoted.has(id)) this.changed();
  }

  // --- pages -----------------------------------------------------------------------------------

  /** The newest page, and as much more as `unread` messages need. @param {number} [unread] */
  async open(unread = 0) {
    const run = ++this.#run;
    const limit = Math.min(LARGEST, Math.max(PAGE, unread + 20));
    await this.#page({ limit }, ({ messages, has_more }) => {
      this.#replace(messages);
      this.atStart = !has_more;
      this.atEnd = true;
    });
    while (run === this.#run && !this.failed && !this.atStart && this.#entries.length < UNREAD_MOST) {
      if (this.#waiting().length >= unread) break;
      await this.older(LARGEST);
    }
  }

  /** A page with this message in its middle; whether there is one. @param {number} id @returns {Promise<boolean>} */
  async around(id) {
    if (this.#byId.has(id)) return true;
    this.#run++;
    const limit = PAGE + 10;
    const found = await this.#page({ aroundId: id, limit }, ({ messages, has_more }) => {
      this.#replace(messages);
      this.atStart = !has_more;
      this.atEnd = messages.filter((/** @type {any} */ one) => one.id > id).length < limit / 2;
    });
    // What is there stays as it is.
    if (!found) this.failed = null;
    return found;
  }

  /** @param {number} [limit] */
  older(limit = PAGE) {
    if (this.atStart || !this.#entries.length) return this.#older;
    this.#older ??= this.#page({ beforeId: this.#entries[0].id, limit }, ({ messages, has_more }) => {
      this.#entries.unshift(...this.#entriesOf(messages));
      this.atStart = !has_more;
    }).finally(() => (this.#older = null));
    return this.#older;
  }

  newer() {
    if (this.atEnd || !this.#entries.length) return this.#newer;
    this.#newer ??= this.#page({ afterId: this.#entries[this.#entries.length - 1].id, limit: PAGE }, ({ messages, has_more }) => {
      this.#entries.push(...this.#entriesOf(messages));
      this.atEnd = !has_more;
    }).finally(() => (this.#newer = null));
    return this.#newer;
  }

  get loading() {
    return this.#loads > 0;
  }

  /** @param {Record<string, any>} query @param {(page: any) => void} merge @returns {Promise<boolean>} */
  async #page(query, merge) {
    const run = this.#run;
    this.#loads++;
    try {
      const page = await this.client.messages({ chatId: this.chatId, ...query });
      if (run !== this.#run) return false;
      this.failed = null;
      this.loaded = true;
      merge(page);
      for (const e of this.#heard) this.#take(e);
      return true;
    } catch (error) {
      if (run === this.#run) this.failed = error;
      return false;
    } finally {
      if (!--this.#loads) this.#heard = [];
      if (run === this.#run) this.changed();
    }
  }

  /** @param {any[]} messages newest first */
  #replace(messages) {
    this.#entries = [];
    this.#byId.clear();
    this.#entries = this.#entriesOf(messages);
  }

  /** Those that are not in the run, oldest first. @param {any[]} messages newest first */
  #entriesOf(messages) {
    const entries = [];
    for (const message of messages) {
      if (this.#byId.has(message.id)) continue;
      entries.push(this.#entryOf(message));
    }
    return entries.reverse();
  }

  /** @param {any} message @returns {Entry} */
  #entryOf(message) {
    const entry = { key: this.#keys.get(message.id) ?? `${message.id}`, id: message.id, message, state: message.status };
    this.#byId.set(message.id, entry);
    return entry;
  }

  /** The run is as it is, and nothing that was heard before is true any more. */
  reload() {
    this.#quoted.clear();
    return this.open();
  }

  // --- unread ----------------------------------------------------------------------------------

  /** The mark goes above the first of so many messages that nobody has read here. @param {number} unread */
  markUnread(unread) {
    const waiting = this.#waiting();
    const reaches = this.atEnd && (this.atStart || waiting.length >= unread);
    const first = unread && reaches ? waiting[Math.min(unread, waiting.length) - 1] : null;
    this.unreadFrom = first?.id ?? null;
    this.changed();
  }

  /** Messages that may be unread, newest first. */
  #waiting() {
    return this.#entries.filter(({ message }) => message.author_id !== this.userId && !message.is_deleted).reverse();
  }

  // --- events ----------------------------------------------------------------------------------

  /** @param {any} e a change to this chat */
  apply(e) {
    if (this.#loads) this.#heard.push(e);
    if (e.localId) this.#keys.set(e.data.id, e.localId);
    this.#take(e);
    this.changed();
  }

  /** The same twice does no harm. @param {any} e */
  #take({ event, data }) {
    if (event === "message.created") return this.#append(data);
    const id = event === "message.updated" || event === "message.deleted" ? data.id : data.message_id;
    if (event === "message.updated" || event === "message.deleted") this.#change(id, (old) => ({ ...old, ...data }));
    else if (event === "message.read") {
      const read = (/** @type {any} */ old) => ({ ...old, status: "read", read_at: old.read_at ?? data.read_at });
      if (data.user_id !== this.find(id)?.author_id) this.#change(id, read);
    } else if (event === "reaction.added" || event === "reaction.removed") {
      const isIt = (/** @type {any} */ one) => one.user_id === data.user_id && one.emoji === data.emoji;
      const added = event === "reaction.added" ? [data] : [];
      this.#change(id, (old) => ({ ...old, reactions: [...old.reactions.filter((/** @type {any} */ one) => !isIt(one)), ...added] }));
    }
  }

  /** @param {any} data */
  #append(data) {
    if (!this.atEnd || this.#byId.has(data.id)) return;
    this.#entries.push(this.#entryOf({ ...data, reactions: [] }));
  }

  /** @param {number} id @param {(old: any) => any} change */
  #change(id, change) {
    const entry = this.#byId.get(id);
    if (entry) this.#entries[this.#entries.lastIndexOf(entry)] = this.#entryOf(change(entry.message));
    const quoted = this.#quoted.get(id);
    if (quoted) this.#quoted.set(id, change(quoted));
  }

  changed() {
    this.#items = null;
    this.tell("change");
  }
}
