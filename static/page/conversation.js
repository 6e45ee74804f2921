// @ts-check
/** The chat that is open: its header, its messages, what is sent and what is read. */

import { Actions } from "./actions.js";
import { deleteChat, leaveChat, linkTo, tried } from "./chats.js";
import { Composer } from "./composer.js";
import { byId, fill, h } from "./dom.js";
import { face } from "./faces.js";
import { openInfo } from "./info.js";
import { typingText } from "./list.js";
import { Log } from "./log.js";
import { openMenu } from "./menus.js";
import { brief } from "./message.js";
import { actionsAbout, changeBlock } from "./moderators.js";
import { tell } from "./notices.js";
import { counted, inSeconds, numeral, say, untilOf } from "./words.js";

/** @import { KnownChat, Store } from "./store.js" */
/** @import { Drafts, Kept } from "./kept.js" */
/** @import { Timeline } from "./timeline.js" */

/** Milliseconds in which what came into view is gathered, before it is said to be read. */
const READING = 250;
/** Messages read out one after the other; older ones make room. */
const SAID = 20;

/** Whether somebody can see this page now. */
export const isLookedAt = () => document.visibilityState === "visible" && document.hasFocus();

export class Conversation {
  /** @type {number | null} */ chatId = null;
  /** @type {Timeline | null} */ #timeline = null;
  /** Where somebody was in each chat. @type {Map<number, {key: string, top: number} | null>} */ #places = new Map();
  /** Up to which message it has been said that it is read. @type {Map<number, number>} */ #readUpTo = new Map();
  /** @type {any} */ #reading = 0;
  /** @type {any} */ #waiting = 0;
  #off = () => {};

  /** @param {{store: Store, kept: Kept, drafts: Drafts}} options */
  constructor({ store, kept, drafts }) {
    this.store = store;
    this.kept = kept;
    this.client = store.client;
    const { people, userId } = store;
    const tellsNotices = (/** @type {number | null} */ id) => store.tellsNotices(id);
    this.log = new Log(byId("log"), { people, userId, isGroup: false, appeals: store.appeals, tellsNotices });
    this.composer = new Composer({ drafts, kept, people, userId: () => userId });
    this.actions = new Actions({ store, kept, log: this.log, composer: this.composer, chat: () => this.chat });
    this.#wire();
  }

  get chat() {
    return this.chatId === null ? undefined : this.store.chats.get(this.chatId);
  }

  #wire() {
    const { store, composer, log } = this;
    const mine = (/** @type {number | null} */ id) => id === null || id === this.chatId;
    store.on("chats", (id) => mine(id) && this.#paintHeader());
    store.on("typing", (id) => mine(id) && this.#paintHeader());
    store.on("message", (chat, message) => mine(chat.id) && this.#said(message));
    for (const name of ["here", "name"]) store.people.on(name, () => this.#paintHeader());
    store.on("chats", (id) => mine(id) && this.#paintWriting());
    store.blocks.on("change", () => this.#paintWriting());
    store.waits.on("change", (id) => mine(id) && this.#paintWriting());
    log.on("seen", () => this.#seen());
    addEventListener("focus", () => this.#seen());
    document.addEventListener("visibilitychange", () => this.#seen());
    this.client.on("state", (/** @type {any} */ { state }) => state === "online" && this.#again());
    composer.on("send", (texts, replyTo) => this.#send(texts, replyTo));
    composer.on("save", (message, text) => tried(this.client.editMessage(message.id, text), tell));
    composer.on("typing", () => this.chatId !== null && this.client.typing(this.chatId));
    composer.on("up", () => this.#editLast());
    byId("newest").addEventListener("click", () => log.toEnd());
    byId("info").addEventListener("click", () => this.#openInfo());
    byId("about").addEventListener("click", () => this.#openInfo());
    byId("more").addEventListener("click", () => this.#openChatMenu());
  }

  // --- opening ---------------------------------------------------------------------------------

  /** @param {number} chatId of a chat that is known */
  async open(chatId) {
    if (chatId === this.chatId) return;
    this.leave();
    this.chatId = chatId;
    const chat = /** @type {KnownChat} */ (this.chat);
    const timeline = this.store.timelineOf(chatId);
    this.#timeline = timeline;
    this.#paintHeader();
    this.#paintWriting();
    this.log.show(null, false);
    this.composer.open(chatId, (id) => timeline.quote(id));
    fill(byId("said"));
    this.#off = timeline.on("change", () => this.composer.paint());
    if (!chat.members) this.store.refresh(chatId).catch(() => {});
    if (!timeline.loaded || (chat.unread_count && !timeline.atEnd)) await timeline.open(chat.unread_count);
    if (this.#timeline !== timeline) return;
    const unread = this.chat?.unread_count ?? 0;
    timeline.markUnread(unread);
    this.log.show(timeline, chat.type === "group", unread ? null : this.#places.get(chatId));
  }

  leave() {
    if (this.chatId === null) return;
    this.#off();
    this.#places.set(this.chatId, this.log.place);
    this.client.typing(this.chatId, false);
    this.composer.close();
    this.log.show(null, false);
    this.chatId = this.#timeline = null;
  }

  /** What did not come while there was no connection. */
  #again() {
    const timeline = this.#timeline;
    if (timeline?.failed) this.log.retry();
    this.#seen();
  }

  // --- header ----------------------------------------------------------------------------------

  #paintHeader() {
    const { chat, store } = this;
    if (!chat) return;
    const here = chat.partner ? store.people.hereOf(chat.partner.id) : undefined;
    const typing = store.typingIn(chat.id);
    fill(byId("face"), face(chat.name, chat.partner?.id ?? chat.id, here?.status));
    fill(byId("title"), chat.name);
    const status = typing.length ? typingText(store, chat, typing) : chat.partner ? this.#statusOf(chat.partner.id) : counted("members", chat.members_count);
    fill(byId("status"), status);
    byId("status").classList.toggle("typing", typing.length > 0);
    this.#paintNewest();
  }

  /** Nobody is behind notices. @param {number} id */
  #statusOf(id) {
    return this.store.tellsNotices(id) ? "" : this.store.people.statusOf(id);
  }

  #paintNewest() {
    const unread = this.chat?.unread_count ?? 0;
    byId("newest").hidden = this.log.atEnd || !this.#timeline?.loaded;
    const label = unread ? `${say("to_newest")}: ${counted("unread", unread)}` : say("to_newest");
    byId("newest").setAttribute("aria-label", label);
    byId("newest").title = label;
    fill(byId("newest-count"), unread > 0 && numeral(unread));
  }

  /** Whether one can write here now, and if not, why and until when. */
  #paintWriting() {
    const { chat, store } = this;
    clearTimeout(this.#waiting);
    if (!chat) return;
    const { partner } = chat;
    const why = store.tellsNotices(partner?.id) ? "notices_only" : store.blocks.has(partner?.id) ? "blocked" : "";
    const instead = byId("instead");
    byId("composer").hidden = why !== "";
    instead.hidden = why === "";
    // A button that somebody is at stays.
    if (instead.dataset.why !== `${why} ${chat.id}`) {
      const unblock = () => changeBlock(store, { id: /** @type {any} */ (partner).id, name: chat.name }, tell);
      const button = why === "blocked" && h("button", { type: "button", class: "button", onclick: unblock }, say("unblock"));
      fill(instead, why && h("span", {}, say(why)), button);
      instead.dataset.why = `${why} ${chat.id}`;
    }
    this.#paintWait(chat.id);
  }

  /** @param {number} chatId */
  #paintWait(chatId) {
    const wait = this.store.waits.of(chatId);
    const box = byId("wait");
    box.hidden = !wait;
    if (!wait) return fill(box);
    // What counts down is not read out each second.
    box.setAttribute("role", wait.code === "muted" ? "status" : "timer");
    const left = wait.until - Date.now();
    fill(box, wait.code === "muted" ? say("muted_until", { when: untilOf(wait.until) }) : say("slow_until", { when: inSeconds(left / 1000) }));
    this.#waiting = setTimeout(() => this.chatId === chatId && this.#paintWait(chatId), Math.min(left, 1_000));
  }

  #openInfo() {
    if (this.chat) openInfo({ store: this.store, tell }, this.chat);
  }

  #openChatMenu() {
    const { chat, store } = this;
    if (!chat) return;
    const isGroup = chat.type === "group";
    const items = [{ label: say(isGroup ? "group_info" : "person_info"), icon: "info", run: () => this.#openInfo() }];
    if (chat.is_open && isGroup) {
      const run = () => navigator.clipboard?.writeText(linkTo(chat)).then(() => tell(say("copied")));
      items.push({ label: say("copy_link"), icon: "link", run });
    }
    const danger = { danger: true };
    if (chat.partner) items.push(...actionsAbout(store, { id: chat.partner.id, name: chat.name }, chat.id, tell));
    if (isGroup) items.push({ label: say("leave_group"), icon: "leave", run: () => leaveChat(store, chat, tell), ...danger });
    if (!isGroup || chat.role === "owner") items.push({ label: say("delete_chat"), icon: "trash", run: () => deleteChat(store, chat, tell), ...danger });
    openMenu(byId("more"), say("chat_menu"), items);
  }

  // --- sending and reading ---------------------------------------------------------------------

  /** @param {string[]} texts @param {number | null} replyTo */
  async #send(texts, replyTo) {
    const { chatId } = this;
    if (chatId === null) return;
    this.#timeline?.markUnread(0);
    texts.forEach((content, at) => this.client.send({ chatId, content, replyToId: at ? null : replyTo }).sent.catch(() => {}));
    await this.log.toEnd();
  }

  #editLast() {
    const message = this.#timeline?.lastOwn();
    if (message) this.composer.edit(message);
  }

  /** @param {any} message that somebody else has just sent */
  #said(message) {
    const box = byId("said");
    box.append(h("p", {}, `${this.store.people.nameOf(message.author_id)}: ${brief(message)}`));
    while (box.children.length > SAID) box.firstElementChild.remove();
    const timeline = this.#timeline;
    if (timeline && timeline.unreadFrom === null && !isLookedAt()) timeline.unreadFrom = message.id;
  }

  #seen() {
    this.#paintNewest();
    this.#reading ||= setTimeout(() => {
      this.#reading = 0;
      this.#read();
    }, READING);
  }

  #read() {
    const { chat, log } = this;
    if (!chat?.unread_count || !isLookedAt() || this.client.state !== "online") return;
    const id = log.lastSeen;
    if (id === null || id <= (this.#readUpTo.get(chat.id) ?? 0)) return;
    this.#readUpTo.set(chat.id, id);
    this.client.readUpTo(chat.id, id).catch(() => this.#readUpTo.delete(chat.id));
  }
}
