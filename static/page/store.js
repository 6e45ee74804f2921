// @ts-check
/** The chats of this person, fed by the client's events. No DOM. */

import { Appeals } from "./appeals.js";
import { Blocks } from "./blocks.js";
import { Outgoing } from "./outgoing.js";
import { People } from "./people.js";
import { Signals } from "./signals.js";
import { Timeline } from "./timeline.js";
import { Waits } from "./waits.js";

/** @import * as Types from "../../clients/javascript/messenger.d.ts" */
/** @import { Kept } from "./kept.js" */

/**
 * As the API has it; `counted` is the `seq` up to which its unread count, last message and members are
 * told by a snapshot, so that events of before it are not counted twice.
 * @typedef {Types.Chat & {members: Types.Member[] | null, counted: number}} KnownChat
 */

/** Conversations of which the messages are kept; the longest unseen goes first. */
const TIMELINES = 12;
/** Milliseconds: the server tells that typing has ended, if it can. */
const TYPING = 12_000;
const CHANGES = [
  "message.created", "message.updated", "message.deleted", "message.read", "reaction.added", "reaction.removed",
  "chat.created", "chat.updated", "chat.deleted", "member.joined", "member.left", "member.updated",
];

/**
 * Tells "chats" (with the id of the one that changed, or null for all), "typing" (id), "gone" (the chat),
 * "message" (the chat, a message that somebody else has just sent), "read" (receipt).
 */
export class Store extends Signals {
  /** @type {Map<number, KnownChat>} */ chats = new Map();
  /** @type {Types.Me | null} */ me = null;
  /** @type {Map<number, Timeline>} */ #timelines = new Map();
  /** @type {Map<number, Map<number, any>>} */ #typing = new Map();
  /** @type {Map<number, Promise<void>>} */ #asking = new Map();

  /** @param {any} client @param {Kept} kept @param {{from: number | null, look: () => Promise<void>}} notices */
  constructor(client, kept, notices) {
    super();
    this.client = client;
    this.notices = notices;
    this.people = new People(client);
    this.blocks = new Blocks(client);
    this.appeals = new Appeals(client);
    this.waits = new Waits(client);
    this.outgoing = new Outgoing(client, kept);
    this.outgoing.on("change", (chatId) => {
      this.#timelines.get(chatId)?.changed();
      this.tell("chats", chatId);
    });
    client.on("synced", (/** @type {any} */ { user, chats }) => this.#begin(user, chats));
    client.on("reset", (/** @type {any} */ { chatId, chat }) => this.#reset(chatId, chat));
    client.on("user.typing", (/** @type {any} */ { data }) => this.#setTyping(data.chat_id, data.user_id, data.is_typing));
    client.on("sent", (/** @type {any} */ { chatId, message }) => {
      // Sent by an earlier page, and told before this one came: it will not be told again.
      if (message.seq <= (this.chats.get(chatId)?.seq ?? 0)) this.#wasTold(chatId);
    });
    for (const name of CHANGES) client.on(name, (/** @type {any} */ e) => this.#take(e));
  }

  get userId() {
    return /** @type {Types.Me} */ (this.me).id;
  }

  /** Latest activity first. @returns {KnownChat[]} */
  get list() {
    const at = (/** @type {KnownChat} */ chat) => {
      const waiting = this.outgoing.of(chat.id);
      const last = waiting.length ? waiting[waiting.length - 1].message.ts : "";
      return Math.max(Date.parse(chat.last_activity_at), last ? Date.parse(last) : 0);
    };
    const times = new Map([...this.chats.values()].map((chat) => [chat, at(chat)]));
    return [...times.keys()].sort((one, other) => Number(times.get(other)) - Number(times.get(one)) || other.id - one.id);
  }

  get unread() {
    let unread = 0;
    for (const chat of this.chats.values()) unread += chat.unread_count;
    return unread;
  }

  /** The private chat with somebody. @param {number} userId */
  privateWith(userId) {
    return [...this.chats.values()].find((chat) => chat.partner?.id === userId);
  }

  /** Whether messages of this author are notices, which nobody reads answers to. @param {number | null | undefined} id */
  tellsNotices(id) {
    return id !== null && id !== undefined && id === this.notices.from;
  }

  /** @param {number} chatId */
  typingIn(chatId) {
    return [...(this.#typing.get(chatId)?.keys() ?? [])];
  }

  /** The messages of a chat. @param {number} chatId */
  timelineOf(chatId) {
    const { client, userId, outgoing } = this;
    const timeline = this.#timelines.get(chatId) ?? new Timeline({ client, chatId, userId, outgoing });
    this.#timelines.delete(chatId);
    this.#timelines.set(chatId, timeline);
    const [longest] = this.#timelines.keys();
    if (this.#timelines.size > TIMELINES) this.#timelines.delete(longest);
    return timeline;
  }

  /** Load a chat with its members: because something can't be told from events. @param {number} chatId */
  refresh(chatId) {
    const asking = this.#asking.get(chatId) ?? this.#ask(chatId).finally(() => this.#asking.delete(chatId));
    this.#asking.set(chatId, asking);
    return asking;
  }

  /** @param {number} chatId */
  async #ask(chatId) {
    // Again where events have overtaken the answer.
    for (let tries = 0; tries < 3; tries++) {
      const whole = await this.client.chat(chatId);
      if (this.adopt(whole)) return;
    }
  }

  /** A chat as the server has just told it; false if it is older than what is known. @param {Types.WholeChat | Types.Chat} chat */
  adopt(chat) {
    const known = this.chats.get(chat.id);
    if (known && chat.seq < known.seq) return false;
    const members = "members" in chat ? chat.members : known?.members ?? null;
    this.chats.set(chat.id, { ...chat, members, counted: chat.seq });
    if (chat.partner) this.people.learn(chat.partner);
    for (const member of members ?? []) this.people.learn(member);
    this.tell("chats", chat.id);
    return true;
  }

  // --- events ----------------------------------------------------------------------------------

  /** @param {Types.Me} user @param {Types.Chat[]} chats */
  #begin(user, chats) {
    this.me = user;
    this.people.learn(user);
    this.chats.clear();
    this.#timelines.clear();
    for (const chat of chats) {
      this.chats.set(chat.id, { ...chat, members: null, counted: chat.seq });
      if (chat.partner) this.people.learn(chat.partner);
    }
    this.tell("chats", null);
    this.outgoing.resend((chatId) => this.chats.has(chatId));
    this.blocks.load().catch(() => {});
  }

  /** @param {number} chatId @param {Types.WholeChat | null} chat */
  #reset(chatId, chat) {
    if (!chat) return this.#remove(chatId);
    this.chats.delete(chatId);
    this.adopt(chat);
    this.#wasTold(chatId);
    this.#timelines.get(chatId)?.reload();
  }

  /** What was sent and stored up to now is in the chat's pages. @param {number} chatId */
  #wasTold(chatId) {
    const seq = this.chats.get(chatId)?.seq ?? 0;
    this.outgoing.told(chatId, ({ state, message }) => state === "sent" && /** @type {any} */ (message).seq <= seq);
  }

  /** @param {number} chatId */
  #remove(chatId) {
    const chat = this.chats.get(chatId);
    this.chats.delete(chatId);
    this.#timelines.delete(chatId);
    if (!chat) return;
    this.tell("gone", chat);
    this.tell("chats", null);
  }

  /** @param {any} e */
  #take(e) {
    const { event, chatId, seq, data, localId } = e;
    const left = event === "member.left" && data.user_id === this.userId;
    if (event === "chat.deleted" || left) return this.#remove(chatId);
    if (event === "chat.created") return this.#created(data, seq);
    const chat = this.chats.get(chatId);
    if (!chat) return;
    const counts = seq > chat.counted;
    chat.seq = Math.max(chat.seq, seq);
    this.#timelines.get(chatId)?.apply(e);
    if (localId) this.outgoing.told(chatId, ({ key }) => key === localId);
    if (event.startsWith("message.")) this.#message(chat, e, counts);
    else if (event === "chat.updated") {
      const { name, description, is_open, slow_mode, owner_id, members_count } = data;
      Object.assign(chat, { description, is_open, slow_mode, owner_id, members_count, name: name || chat.name });
    } else if (event.startsWith("member.")) this.#membership(chat, e, counts);
    this.tell("chats", chatId);
  }

  /** @param {KnownChat} chat @param {any} e @param {boolean} counts */
  #message(chat, { event, data, localId }, counts) {
    const own = data.author_id === this.userId;
    const isLast = chat.last_message?.id === (data.message_id ?? data.id);
    if (event === "message.created") {
      if (!chat.last_message || data.id > chat.last_message.id) chat.last_message = { ...data, reactions: [] };
      if (data.ts > chat.last_activity_at) chat.last_activity_at = data.ts;
      if (data.author_id !== null) this.#setTyping(chat.id, data.author_id, false);
      if (own) {
        // A moderator may have let it through.
        if (!localId) this.outgoing.lookAgain(chat.id);
        return;
      }
      if (data.type === "notice") this.#noticed(data);
      if (counts) chat.unread_count++;
      this.tell("message", chat, data);
    } else if (event === "message.updated") {
      if (isLast) chat.last_message = { .../** @type {any} */ (chat.last_message), ...data };
    } else if (event === "message.deleted") {
      // Which one is the last now, and whether this one was unread, is not told.
      if (isLast || (chat.unread_count && !own)) this.refresh(chat.id).catch(() => {});
    } else if (event === "message.read") {
      if (data.user_id === this.userId && counts) chat.unread_count = Math.max(0, chat.unread_count - 1);
      else if (isLast && chat.last_message) chat.last_message = { ...chat.last_message, status: "read" };
      this.tell("read", data);
    }
  }

  /** A decision may have been made, or undone. @param {any} message */
  async #noticed({ author_id: author, payload }) {
    // The account is made for the first of them.
    if (this.notices.from === null) {
      await this.notices.look().catch(() => {});
      this.tell("chats", null);
    }
    if (!this.tellsNotices(author)) return;
    this.appeals.load();
    if (["undone", "appeal_decided"].includes(payload?.notice)) this.waits.forgetMutes();
    this.outgoing.lookAgain();
  }

  /** @param {KnownChat} chat @param {any} e @param {boolean} counts */
  #membership(chat, { event, data }, counts) {
    const userId = data.member?.user_id ?? data.user_id;
    if (data.member) this.people.learn(data.member);
    if (event === "member.left") this.#setTyping(chat.id, userId, false);
    if (event === "member.updated" && userId === this.userId) chat.role = data.member.role;
    const others = chat.members?.filter((member) => member.user_id !== userId);
    if (others && chat.members) {
      const joined = event === "member.joined" ? [...others, data.member] : others;
      chat.members = event === "member.updated" ? chat.members.map((one) => (one.user_id === userId ? data.member : one)) : joined;
      chat.members_count = chat.members.length;
    } else if (counts && event !== "member.updated") {
      chat.members_count += event === "member.joined" ? 1 : -1;
    }
  }

  /** A new chat, or one that this person has been added to. @param {any} data @param {number} seq */
  #created(data, seq) {
    const own = data.members.find((/** @type {Types.Member} */ one) => one.user_id === this.userId);
    const other = data.members.find((/** @type {Types.Member} */ one) => one.user_id !== this.userId);
    const partner = data.type === "private" && other ? { ...other, id: other.user_id } : null;
    if (!this.chats.has(data.id)) {
      this.adopt({
        ...data, partner, seq, role: own?.role ?? "member", name: data.name || partner?.name || "",
        unread_count: 0, last_message: null, last_activity_at: data.created_at,
      });
    }
    // What was said in it before.
    this.refresh(data.id).catch(() => {});
  }

  /** @param {number} chatId @param {number} userId @param {boolean} isTyping */
  #setTyping(chatId, userId, isTyping) {
    if (userId === this.userId || !this.chats.has(chatId)) return;
    const typing = this.#typing.get(chatId) ?? new Map();
    if (!isTyping && !typing.has(userId)) return;
    clearTimeout(typing.get(userId));
    typing.delete(userId);
    if (isTyping) typing.set(userId, setTimeout(() => this.#setTyping(chatId, userId, false), TYPING));
    this.#typing.set(chatId, typing);
    this.tell("typing", chatId);
  }
}
