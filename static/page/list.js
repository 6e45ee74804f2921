// @ts-check
/** The list of chats, and the search over chats and people in its place. */

import { fill, h, setAttribute, unseen, walkable } from "./dom.js";
import { face } from "./faces.js";
import { brief, tickOf } from "./message.js";
import { oneLine } from "./text.js";
import { briefly, counted, numeral, problem, say } from "./words.js";

/** @import { KnownChat, Store } from "./store.js" */
/** @import { Drafts } from "./kept.js" */

/** Milliseconds after the last key until people are searched for. */
const PAUSE = 250;
/** A long list is read on demand. */
const PEOPLE = 20;

export class ChatList {
  /** @type {Map<number, {item: HTMLElement, facts: any[]}>} */ #rows = new Map();
  /** Rows in view: only about these more is asked than what is there. @type {Set<number>} */ #inView = new Set();
  /** @type {number | null} */ #current = null;
  #frame = 0;
  /** Grows with each search: the answer to an older one is void. */
  #search = 0;
  /** @type {{people: any[], error: any} | null} */ #found = null;
  /** @type {any} */ #timer = 0;

  /**
   * @param {{store: Store, drafts: Drafts, list: HTMLElement, search: HTMLInputElement, onperson: (person: any) => void}} options
   */
  constructor({ store, drafts, list, search, onperson }) {
    this.store = store;
    this.drafts = drafts;
    this.list = list;
    this.search = search;
    this.onperson = onperson;
    const soon = () => this.soon();
    for (const name of ["chats", "typing"]) store.on(name, soon);
    for (const name of ["name", "here"]) store.people.on(name, soon);
    // Times of the day become days.
    setInterval(soon, 60_000);
    this.watcher = new IntersectionObserver((entries) => this.#viewed(entries), { root: list.parentElement });
    const links = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll(".row")]);
    walkable(list, links);
    search.addEventListener("input", () => this.#searched());
    search.addEventListener("keydown", (e) => {
      if (e.key === "ArrowDown") links()[0]?.focus();
      else if (e.key === "Enter") links()[0]?.click();
      else if (e.key === "Escape" && search.value) this.clear();
      else return;
      e.preventDefault();
      e.stopPropagation();
    });
    list.addEventListener("keydown", (e) => {
      if (e.key !== "Escape" || !search.value) return;
      e.stopPropagation();
      this.clear();
      search.focus();
    });
    // What was searched for has been found.
    list.addEventListener("click", (e) => /** @type {Element} */ (e.target).closest("a.row") && search.value && this.clear());
  }

  /** @param {number | null} chatId */
  setCurrent(chatId) {
    this.#current = chatId;
    this.soon();
  }

  /** Put the focus on the row of the chat that was just left. @param {number | null} chatId */
  focus(chatId) {
    const item = chatId === null ? null : this.#rows.get(chatId)?.item;
    /** @type {HTMLElement | null} */ (item?.querySelector(".row") ?? this.list.querySelector(".row"))?.focus();
  }

  clear() {
    this.search.value = "";
    this.#searched();
  }

  soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.paint();
    });
  }

  get #query() {
    return this.search.value.trim();
  }

  #searched() {
    clearTimeout(this.#timer);
    const turn = ++this.#search;
    this.#found = null;
    this.soon();
    const query = this.#query;
    if (!query) return;
    this.#timer = setTimeout(async () => {
      try {
        const { users } = await this.store.client.users({ search: query.slice(0, 100), limit: PEOPLE });
        if (turn === this.#search) this.#found = { people: users, error: null };
      } catch (error) {
        if (turn === this.#search) this.#found = { people: [], error };
      }
      this.soon();
    }, PAUSE);
  }

  paint() {
    if (!this.store.me) return;
    const query = this.#query.toLocaleLowerCase();
    const chats = this.store.list;
    const matching = query ? chats.filter((chat) => matches(chat, query)) : chats;
    const items = matching.map((chat) => this.#itemOf(chat));
    const alive = new Set(chats.map(({ id }) => id));
    for (const id of this.#rows.keys()) if (!alive.has(id)) this.#drop(id);
    const wanted = query ? [...this.#headed("chats", items), ...this.#people(matching)] : items;
    if (!chats.length && !query) wanted.push(h("li", { class: "hint" }, say("no_chats")));
    this.#arrange(wanted);
    const rows = /** @type {HTMLElement[]} */ ([...this.list.querySelectorAll(".row")]);
    const focused = document.activeElement?.closest(".row");
    const stop = rows.find((row) => row === focused) ?? rows.find((row) => row.getAttribute("aria-current")) ?? rows[0];
    for (const row of rows) row.tabIndex = row === stop ? 0 : -1;
  }

  /** Only what is elsewhere moves, so that focus and scrolling stay. @param {HTMLElement[]} wanted */
  #arrange(wanted) {
    const keep = new Set(/** @type {Element[]} */ (wanted));
    for (const item of [...this.list.children]) if (!keep.has(item)) item.remove();
    let next = this.list.firstElementChild;
    for (const item of wanted) {
      if (item === next) next = next.nextElementSibling;
      else {
        const focused = item.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
        this.list.insertBefore(item, next);
        focused?.focus({ preventScroll: true });
      }
    }
  }

  /** @param {string} word @param {HTMLElement[]} items */
  #headed(word, items) {
    return items.length ? [h("li", { class: "heading" }, h("h3", {}, say(word))), ...items] : [];
  }

  /** @param {KnownChat[]} chats that are shown already */
  #people(chats) {
    if (!this.#found) return [h("li", { class: "hint" }, say("searching"))];
    const { people, error } = this.#found;
    if (error) return [h("li", { class: "hint" }, problem(error))];
    const shown = new Set(chats.map(({ partner }) => partner?.id));
    const others = people.filter(({ id }) => id !== this.store.userId && !shown.has(id));
    for (const person of others) this.store.people.learn(person);
    const items = others.map((person) => h("li", {}, h("button", { type: "button", class: "row", onclick: () => this.onperson(person) }, personIn(person))));
    if (!items.length && !chats.length) return [h("li", { class: "hint", role: "status" }, say("nothing_found"))];
    return this.#headed("people", items);
  }

  // --- one chat --------------------------------------------------------------------------------

  /** @param {KnownChat} chat @returns {HTMLElement} */
  #itemOf(chat) {
    const row = this.#rows.get(chat.id) ?? this.#newRow(chat.id);
    const facts = this.#factsOf(chat);
    if (row.facts.length !== facts.length || facts.some((fact, at) => fact !== row.facts[at])) {
      row.facts = facts;
      this.#paintRow(/** @type {HTMLElement} */ (row.item.firstElementChild), chat);
    }
    return row.item;
  }

  /** @param {number} id */
  #newRow(id) {
    const item = h("li", { "data-chat": id }, h("a", { class: "row", href: `#chat-${id}` }));
    this.watcher.observe(item);
    const row = { item, facts: [] };
    this.#rows.set(id, row);
    return row;
  }

  /** @param {number} id */
  #drop(id) {
    const row = this.#rows.get(id);
    if (row) this.watcher.unobserve(row.item);
    this.#rows.delete(id);
    this.#inView.delete(id);
  }

  /** What a row shows, for telling whether it must be painted again. @param {KnownChat} chat */
  #factsOf(chat) {
    const { people, outgoing } = this.store;
    const seen = this.#inView.has(chat.id);
    const author = chat.type === "group" && seen && chat.last_message ? people.nameOf(chat.last_message.author_id) : "";
    return [
      chat.name, chat.unread_count, chat.last_message, author, briefly(chat.last_activity_at), this.#current === chat.id,
      this.#presenceOf(chat), this.#typingOf(chat), this.#draftOf(chat), outgoing.of(chat.id).at(-1),
    ];
  }

  /** @param {KnownChat} chat */
  #presenceOf(chat) {
    if (!chat.partner || !this.#inView.has(chat.id)) return "";
    return this.store.people.hereOf(chat.partner.id)?.status ?? "";
  }

  /** @param {KnownChat} chat */
  #typingOf(chat) {
    const typing = this.store.typingIn(chat.id);
    return typing.length ? typingText(this.store, chat, typing) : "";
  }

  /** @param {KnownChat} chat */
  #draftOf(chat) {
    return this.#current === chat.id ? "" : oneLine(this.drafts.of(chat.id)?.text ?? "");
  }

  /** @param {HTMLElement} row @param {KnownChat} chat */
  #paintRow(row, chat) {
    const current = this.#current === chat.id;
    setAttribute(row, "aria-current", current && "page");
    const unread = chat.unread_count;
    fill(
      row,
      face(chat.name, chat.partner?.id ?? chat.id, this.#presenceOf(chat)),
      h(
        "span",
        { class: "title" },
        h("b", { dir: "auto" }, chat.name),
        h("time", { datetime: chat.last_activity_at }, briefly(chat.last_activity_at)),
      ),
      h(
        "span",
        { class: "preview" },
        h("span", { class: "said", dir: "auto" }, this.#preview(chat)),
        unread > 0 && h("span", { class: "badge" }, h("span", { "aria-hidden": "true" }, numeral(unread)), unseen(counted("unread", unread))),
      ),
    );
  }

  /** @param {KnownChat} chat @returns {(Node | string | false)[]} */
  #preview(chat) {
    const typing = this.#typingOf(chat);
    if (typing) return [h("em", {}, typing)];
    const draft = this.#draftOf(chat);
    if (draft) return [h("strong", {}, say("draft")), ` ${draft}`];
    const waiting = this.store.outgoing.of(chat.id).at(-1);
    if (waiting) return [tickOf(waiting.state), brief(waiting.message)];
    const last = chat.last_message;
    if (!last) return [say("no_messages")];
    const own = last.author_id === this.store.userId;
    if (own) return [tickOf(last.status), brief(last)];
    const name = chat.type === "group" && this.#inView.has(chat.id) && this.store.people.nameOf(last.author_id);
    return [name && h("span", { class: "by" }, `${name}: `), brief(last)];
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #viewed(entries) {
    for (const { target, isIntersecting } of entries) {
      const id = Number(/** @type {HTMLElement} */ (target).dataset.chat);
      if (isIntersecting) this.#inView.add(id);
    }
    this.soon();
  }
}

/** @param {KnownChat} chat @param {string} query in lower case */
function matches(chat, query) {
  const texts = [chat.name, chat.partner?.username ?? ""];
  return texts.some((text) => text.toLocaleLowerCase().includes(query));
}

/** Somebody in a list. @param {{id: number, name: string, username: string}} person @param {string} [status] */
export function personIn({ id, name, username }, status = "") {
  return [
    face(name || username, id, status),
    h("span", { class: "title" }, h("b", { dir: "auto" }, name || username)),
    h("span", { class: "preview" }, `@${username}`),
  ];
}

/** @param {Store} store @param {{type: string}} chat @param {number[]} typing */
export function typingText(store, chat, typing) {
  if (chat.type === "private") return say("typing");
  const [first, ...rest] = typing.map((id) => store.people.nameOf(id));
  return rest.length ? counted("typing_more", rest.length, { name: first }) : say("typing_one", { name: first });
}
