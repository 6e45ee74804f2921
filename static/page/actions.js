// @ts-check
/** What can be done with a message, by its buttons, its menu, keys and a double click. */

import { tried } from "./chats.js";
import { confirmed } from "./dialogs.js";
import { LIKE, QUICK } from "./emoji.js";
import { openMenu } from "./menus.js";
import { brief, canRetry } from "./message.js";
import { openAppeal, reportMessage } from "./moderators.js";
import { tell } from "./notices.js";
import { openPicker } from "./picker.js";
import { openReaders } from "./readers.js";
import { say } from "./words.js";

/** @import { Composer } from "./composer.js" */
/** @import { Kept } from "./kept.js" */
/** @import { Log } from "./log.js" */
/** @import { KnownChat, Store } from "./store.js" */
/** @import { Entry } from "./timeline.js" */

export class Actions {
  /** @param {{store: Store, kept: Kept, log: Log, composer: Composer, chat: () => KnownChat | undefined}} options */
  constructor({ store, kept, log, composer, chat }) {
    this.store = store;
    this.client = store.client;
    this.kept = kept;
    this.log = log;
    this.composer = composer;
    this.chatNow = chat;
    const { root } = log;
    root.addEventListener("click", (e) => this.#clicked(e));
    root.addEventListener("contextmenu", (e) => this.#contextMenu(e));
    root.addEventListener("keydown", (e) => this.#key(e));
    root.addEventListener("mousedown", (e) => this.#pressed(e));
    root.addEventListener("dblclick", (e) => this.#doubleClicked(e));
  }

  /** @param {Event} e */
  #clicked(e) {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (e.target).closest("[data-act]"));
    const entry = button && this.log.entryOf(button);
    if (entry) this.#act(/** @type {string} */ (button.dataset.act), entry, button);
  }

  /** @param {string} name @param {Entry} entry @param {HTMLElement} button */
  #act(name, entry, button) {
    const { message, sending } = entry;
    if (name === "jump") this.#jump(Number(button.dataset.to));
    else if (name === "react") this.#react(message, button.dataset.emoji ?? LIKE);
    else if (name === "pick") openPicker(button, this.kept, (emoji) => this.#react(message, emoji, true));
    else if (name === "menu") this.#openMenu(entry, button);
    else if (name === "retry") sending?.item.retry().catch(() => {});
    else if (name === "drop" && sending) this.store.outgoing.drop(message.chat_id, sending);
    else if (name === "rewrite" && sending) this.#rewrite(message, sending);
    else if (name === "appeal") openAppeal(this.store, message.payload.decision_id, tell);
  }

  /** What a rule does not let through goes back to where it was written. @param {any} message @param {import("./outgoing.js").Sending} sending */
  #rewrite(message, sending) {
    if (this.store.outgoing.drop(message.chat_id, sending)) this.composer.insert(message.content ?? "");
  }

  /** @param {number} id */
  async #jump(id) {
    if (!(await this.log.to(id))) tell(say(this.client.state === "online" ? "unavailable" : "no_connection"));
  }

  /** One's own reaction goes if it is there, unless it is only to be `added`. @param {any} message @param {string} emoji @param {boolean} [added] */
  #react(message, emoji, added = false) {
    const own = message.reactions?.some((/** @type {any} */ one) => one.user_id === this.store.userId && one.emoji === emoji);
    if (own && added) return;
    tried(own ? this.client.removeReaction(message.id, emoji) : this.client.addReaction(message.id, emoji), tell);
  }

  /** @param {Entry} entry @param {import("./menus.js").Spot} spot */
  #openMenu(entry, spot) {
    const { message, sending } = entry;
    const { composer, store } = this;
    const chat = /** @type {KnownChat} */ (this.chatNow());
    const own = message.author_id === store.userId;
    const items = [];
    if (entry.id === null) {
      const drop = () => sending && !store.outgoing.drop(chat.id, sending) && tell(say("too_late"));
      if (entry.state === "failed" && canRetry(sending?.error)) {
        items.push({ label: say("try_again"), icon: "retry", run: () => void sending?.item.retry().catch(() => {}) });
      }
      items.push({ label: say("copy"), icon: "copy", run: () => this.#copy(message) });
      if (entry.state !== "waiting") items.push({ label: say("discard"), icon: "trash", danger: true, run: drop });
      return openMenu(spot, say("message_menu"), items);
    }
    const notice = store.tellsNotices(message.author_id);
    if (!notice && !store.blocks.has(chat.partner?.id)) items.push({ label: say("reply"), icon: "reply", run: () => composer.reply(message.id) });
    if (message.content) items.push({ label: say("copy"), icon: "copy", run: () => this.#copy(message) });
    if (own && message.type === "text") items.push({ label: say("edit"), icon: "edit", run: () => composer.edit(message) });
    if (own || chat.type === "group") items.push({ label: say("who_read"), icon: "eye", run: () => openReaders(store, chat, message) });
    if (own || (chat.type === "group" && chat.role === "owner")) {
      items.push({ label: say("delete"), icon: "trash", danger: true, run: () => this.#delete(message) });
    }
    if (!own && !notice && message.author_id !== null) {
      items.push({ label: say("report"), icon: "flag", danger: true, run: () => reportMessage(store, message, tell) });
    }
    const reacted = (message.reactions ?? []).filter((/** @type {any} */ one) => one.user_id === store.userId);
    const emoji = { list: QUICK, own: new Set(reacted.map((/** @type {any} */ one) => one.emoji)), label: say("react"), pick: (/** @type {string} */ one) => this.#react(message, one) };
    openMenu(spot, say("message_menu"), items, emoji);
  }

  /** @param {any} message */
  async #copy(message) {
    await tried(Promise.resolve(navigator.clipboard?.writeText(message.content ?? "")), tell);
  }

  /** @param {any} message */
  async #delete(message) {
    const question = { title: say("delete_message"), text: brief(message), action: say("delete") };
    if (!(await confirmed(question))) return;
    if (await tried(this.client.deleteMessage(message.id), tell)) this.composer.forget(message.id);
  }

  /** @param {MouseEvent} e */
  #contextMenu(e) {
    const target = /** @type {Element} */ (e.target);
    const row = target.closest(".message");
    const entry = row && this.log.entryOf(row);
    // The browser's own menu is for what is chosen, and for links.
    if (!entry || entry.message.is_deleted || target.closest("a") || !getSelection()?.isCollapsed) return;
    e.preventDefault();
    const { clientX: x, clientY: y } = e;
    const byKey = e.button !== 2 && x === 0 && y === 0;
    this.#openMenu(entry, byKey ? /** @type {Element} */ (row) : { left: x, right: x, top: y, bottom: y });
  }

  /** @param {KeyboardEvent} e */
  #key(e) {
    const row = /** @type {HTMLElement} */ (e.target);
    if (e.key !== "Enter" || !row.classList.contains("message")) return;
    const entry = this.log.entryOf(row);
    if (!entry || entry.message.is_deleted) return;
    e.preventDefault();
    this.#openMenu(entry, row.querySelector(".bubble") ?? row);
  }

  /** A double click would choose a word. @param {MouseEvent} e */
  #pressed(e) {
    if (e.detail === 2 && this.#likable(e)) e.preventDefault();
  }

  /** @param {MouseEvent} e */
  #doubleClicked(e) {
    const entry = this.#likable(e);
    if (entry) this.#react(entry.message, LIKE);
  }

  /** The message that a double click likes: not one on what does something else, nor on chosen text. @param {MouseEvent} e */
  #likable(e) {
    const target = /** @type {Element} */ (e.target);
    if (target.closest("a, button") || !target.closest(".bubble") || !getSelection()?.isCollapsed) return null;
    const entry = this.log.entryOf(target);
    return entry && entry.id !== null && !entry.message.is_deleted ? entry : null;
  }
}
